"""Views of the back office: each runs a named GraphQL operation and fills a template with its answer."""
