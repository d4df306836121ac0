"""The course as a site that works offline: notebooks, papers, guides and the reference, with one search over all.

packages   the packages that build it, which come with the extra `site`
source     the folder that Sphinx reads: notebooks as they ran, the documents, generated pages
lessons    one executed notebook, prepared for MyST-NB
links      links of notebooks and documents, led to the site's own pages; the broken ones of the finished pages
reference  every public name of labkit, read from the code
drawing    a flowchart in Mermaid's text as an SVG
glossary   the words of the course, and links to them where they first stand in a document
search     the search's words, with pairs of characters for Japanese, Korean and Chinese
settings   what Sphinx, MyST-NB and the theme are told
python_names  references to Python's names, without Sphinx's search for the end of a name
pages      Sphinx builds the pages; then each gets its policy
checks     what is wrong with the finished site: links, names, sizes
build      all of it together
"""
