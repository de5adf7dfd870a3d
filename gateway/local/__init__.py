"""The local side: what domestic systems of this State talk to (openapi.yaml describes it)."""
