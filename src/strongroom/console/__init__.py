"""The console: pages over the same services as the API, for people with a browser.

Always true here:
- a page decides nothing and knows no SQL: it asks a service, and the service asks the gate;
- what a caller may not know of looks exactly like what is not there;
- whatever a tenant wrote is text: templates escape, and the browser is told to run our own files only;
- every page works without JavaScript; scripts make it nicer, never possible;
- a secret is in one answer, the one to the POST that made it, and that form cannot be sent twice.

`pages(parts)` gives the route handlers, `missing(parts)` the page for where there is none; `app` mounts them.
"""

from strongroom.console.edge import Missing, missing, pages
from strongroom.console.visit import Parts

__all__ = ["Missing", "Parts", "missing", "pages"]
