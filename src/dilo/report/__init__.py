"""What a person looks at: contact sheets, galleries, the HTML report (paper, sec. 3).

`preview` and `pictures` need the base install alone; `report` needs jinja2, `compare`
torch, so that neither is imported here.
"""
