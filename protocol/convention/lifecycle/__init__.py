"""Where one request stands under the Convention: tables, one pure step, clocks, links.

`tables` says what may happen, `machine` lets it happen, `clocks` says what is due when,
`correlation` to which case a document belongs. Source: docs/lifecycle.md, which is drawn from here.
"""
