"""What `units` are: one layer taken apart, for a terminal and as a page whose pictures move with its sliders.

| file | holds |
|---|---|
| example.py | `Example`: a layer and the calls on it; what a page's address names |
| values.py | weights and inputs, drawn alike here and in the page, and what a call passes through |
| stops.py | for each of the documents' claims the state of the page that shows it |
| text.py | the answer for a terminal |
| page.py | the answer as a page; its template, script and stylesheet are `report/html/templates/explain*` |

The page computes by itself, in `explain_equations.js`; in a browser, a test compares it with `lstm_ref`.
"""
