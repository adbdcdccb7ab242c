"""HTML pages: one file each, which loads nothing from the network. They share a base template, a stylesheet and a script.

| file | holds |
|---|---|
| page.py | `render`: makes a page from a template and its variables, whose values it escapes; `write_page`: writes a `Page` |
| contents.py | `Page`: the contents of a page of results of any command; report.html.jinja renders it |
| charts.py | coordinates of the pictures of differences; pictures.html.jinja draws them |
| verify.py, results.py | `Page` of reports of `verify`; the pages of other commands stand beside their reports |
| templates/base.html.jinja | the frame of every page: title, policy, stylesheets, scripts, skip link |
| templates/parts.html.jinja | macros: a verdict, facts, a table, code with a copy button, the blocks of a document |
| templates/page.css, page.js | style and script of every page; `styles` and `scripts` add more |
| templates/document.html.jinja | a document of headings, lines, tables and plots, for the benchmarks |

A page is made from the JSON document of a report, so that it can be made later and on another machine.

Only files of this folder contain code. The content security policy of a page allows its own scripts, by their hashes, and no
network access.
"""
