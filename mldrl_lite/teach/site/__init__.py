"""The course as a web site that needs no network: `make site` builds it with Sphinx, myst-nb and its own few pages."""
