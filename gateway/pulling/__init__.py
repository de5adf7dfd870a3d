"""Pulling from partners who cannot call us, or whom we cannot be called by.

`fetching` asks one partner over mutual TLS and streams what it answers; `puller` decides when to
ask, and what an answer means. A pulled message then goes the way of a pushed one
(`gateway.inbound.reception`); its receipt is posted by `gateway.outbound.callbacks`.
"""
