"""The texts that the workshop's pages and its README are made from."""

VIEW = """{%- extends 'lab/index.html.j2' -%}
{%- block html_head_js_requirejs -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
{%- block html_head_css -%}{{ super() }}
<style>body.jp-Notebook { max-width: 60rem; margin: auto } details { margin: 0.5rem 0 }
.jp-CodeCell > details > summary { margin-left: 5.1rem }
.jp-InputArea .highlight pre { white-space: pre-wrap; overflow-wrap: anywhere }</style>{%- endblock -%}
{%- block input_group -%}
{%- if "hide-input" in cell.metadata.get("tags", []) -%}
<details><summary>Code</summary>{{ super() }}</details>
{%- else -%}{{ super() }}{%- endif -%}
{%- endblock -%}
{%- block data_png scoped -%}
<div class="jp-RenderedImage jp-OutputArea-output {{ extra_class }}">
<img src="data:image/png;base64,{{ output.data['image/png'] | escape_html }}"
  alt="{{ cell.metadata.alt | escape_html }}">
</div>{%- endblock -%}
"""

STYLE = """
:root { color-scheme: light dark; --ink: #1f2933; --soft: #5b6774; --line: #d9dfe5; --paper: #fff; --link: #0b5fa5 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e9ee; --soft: #a3afba; --line: #3a444e; --paper: #14191e; --link: #7db8ec }
}
body { font: 1.05rem/1.55 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 0 auto;
  max-width: 46rem; padding: 2rem 1.2rem 4rem }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 0.6rem }
h2 { font-size: 1.3rem; margin: 2.4rem 0 0.6rem } h3 { margin: 1.6rem 0 0.3rem; font-size: 1.05rem }
a { color: var(--link) } .soft { color: var(--soft) }
article { border-top: 1px solid var(--line); padding: 0.9rem 0 } article h3 { margin: 0 }
article p { margin: 0.3rem 0 } details { display: inline-block; vertical-align: top } summary { cursor: pointer }
nav { display: flex; flex-wrap: wrap; gap: 0.2rem 1.4rem }
code { font-size: 0.92em } pre { overflow-x: auto; border: 1px solid var(--line); border-radius: 4px; padding: 0.7rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: 0.35rem 0.6rem; border-bottom: 1px solid var(--line) }
"""

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
{{ mark|safe }}
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{{ title }}</title>
<style>{{ style|safe }}</style>
</head>
<body>
{{ body|safe }}
</body>
</html>
"""

INDEX = """<h1>mldrl-lite: a course about Lightning's Trainer</h1>
<p>{{ cards|length }} notebooks, each with exercises and checks that give a nudge. What to install, and how to
start, is in the <a href="README.md">README</a>. Nothing here needs the network.</p>
{%- for page, title in texts %}
<p>Beside them: the <a href="{{ page }}">{{ title }}</a>.</p>
{%- endfor %}
<h2 id="the-course">The course</h2>
{% for card in cards %}
<article id="{{ card.stem }}">
<h3>{{ card.title }}</h3>
<p>{{ card.sentence|safe }}</p>
<p class="soft">{{ card.minutes }} minutes, {{ card.exercises }} exercises</p>
<nav>
<a href="notebooks/{{ card.stem }}.ipynb">Notebook</a>
<a href="html/{{ card.stem }}.html">Read it on the web</a>
<details><summary>Solutions</summary>
<a href="solutions/{{ card.stem }}.ipynb">the notebook as it was run, with every solution folded in it</a></details>
</nav>
</article>
{% endfor %}
"""

README = """# mldrl-lite: the workshop

Notebooks about what PyTorch Lightning's `Trainer` really does. You need Python {{ python }} or newer.

## Two commands

In this folder, best in a [virtual environment](https://docs.python.org/3/library/venv.html):

```
python -m pip install --constraint constraints-torch.txt "./package[course]"
jupyter lab --ServerApp.root_dir=. notebooks/00_quickstart.ipynb
```

- `notebooks/` is yours to work in: run the cells, fill in the exercises, run the checks.
- `solutions/` holds the same notebooks as they were run, with every solution folded below its check. Try first.
- `index.html`, opened in a browser, lists all notebooks and shows them as web pages.
- `package/` is the small package that the notebooks import.

Once installed, nothing needs the network, unless you ask for data that has to be downloaded.

## The course

| notebook | minutes |
|---|---|
{% for card in cards -%}
| [{{ card.title }}](notebooks/{{ card.stem }}.ipynb) | {{ card.minutes }} |
{% endfor %}"""
