"""Whether partners answer: a message of the test service at an agreed interval, and on demand.

The Convention wants channels that are open at all times (article 41); this says whether the one to
each partner is. A ping is not a contact check: a ping asks the partner's machine and reaches nobody
there, a contact check is a message that the partner's point of contact takes and answers.
"""
