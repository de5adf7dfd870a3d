"""Tells authorities what is due in their cases, and goes on where a person must answer.

What is due and what was told stands in the store; this only looks when it is time.
"""
