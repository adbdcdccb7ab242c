"""Explains `units` by the parts of one layer, in a terminal and as a page with sliders.

| file | holds |
|---|---|
| example.py | `Example`: a layer and the calls on it, which a page's address encodes |
| values.py | weights and inputs, the same here and in the page, and the values of each timestep of a call |
| page_states.toml | for each of the documents' claims the state of the page that shows it |
| text.py | the explanation for a terminal |
| page.py | the explanation as a page; its template, script and stylesheet are `report/html/templates/explain*` |

The page computes by itself, in `explain_equations.js`; in a browser, a test compares it with `lstm_ref`.
"""
