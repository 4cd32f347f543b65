"""Lists, written once: declared filters, orders and columns in; rows, bar and page out, with the state in the address.

    JOBS = ListPage(name="jobs", noun="job", url="lab:jobs", rows=..., filters=(Choice(...),), sorts={...}, ...)

    def jobs(request):
        return JOBS.respond(request, "lab/jobs.html")

CONTRIBUTING.md ("Add a list page") has a complete one.
"""

from apps.core.lists.declared import Bulk, Choice, Column, Empty, Given, Search, Sort, Switch, options
from apps.core.lists.listing import Listing
from apps.core.lists.moving import live_list
from apps.core.lists.page import ListPage

__all__ = [
    "Bulk",
    "Choice",
    "Column",
    "Empty",
    "Given",
    "ListPage",
    "Listing",
    "Search",
    "Sort",
    "Switch",
    "live_list",
    "options",
]
