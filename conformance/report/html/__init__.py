"""Pages for people: one file each, which asks nothing of the network, from one base template, stylesheet and script.

| file | holds |
|---|---|
| page.py | `render`: a template and what it shows → the text of a page; `write`: to a file |
| templating.py | Jinja2's environment: all that is shown is escaped |
| templates/base.html.jinja | the frame of every page: title, policy, stylesheets, scripts, skip link |
| templates/parts.html.jinja | macros: a verdict, facts, a table, code with a copy button, the blocks of a document |
| templates/page.css, page.js | of every page; a page may add its own by `styles` and `scripts` |

Only what lies in this folder is code. A page's policy lets no script run but those that the page was made with, by their hashes,
and lets nothing be loaded.
"""
