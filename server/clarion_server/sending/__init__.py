"""From a call to results: check, resolve (merge and fill the message), render, dispatch.

Read in this order: `check.py` (what is wrong with a call), `resolve.py` (what one target gets), `plan.py` (how one call
sends on one channel), `lane.py` (that channel while it sends), `intake.py` (targets in), `reporting.py` (results out),
`dispatch.py` (the call while it sends), `service.py` (puts them together for `rpc`).
"""
