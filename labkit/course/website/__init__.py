"""The course as a site that works offline: notebooks, papers, guides and the reference, with one search over all.

source     the folder that Sphinx reads: notebooks as they ran, the documents, generated pages
lessons    one executed notebook, prepared for MyST-NB
links      links of notebooks and documents, led to the site's own pages; a check of the finished pages
reference  every public name of labkit, read from the code
drawing    a flowchart in Mermaid's text as an SVG
glossary   the words of the course, and links to them where they first stand in a document
search     the search's words, with pairs of characters for Japanese, Korean and Chinese
settings   what Sphinx, MyST-NB and the theme are told
build      all of it together
"""
