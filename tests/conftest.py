"""Set-up that holds for every test. Fixtures live beside the tests that use them, or in tests/support."""

from __future__ import annotations

from hypothesis import settings

# No deadline: a shared machine may be slow without a defect in the code. A failing example prints the
# decorator that repeats it elsewhere.
settings.register_profile("clarion", deadline=None, print_blob=True)
settings.load_profile("clarion")
