"""Self-contained pages: what goes back to a porteur, and the agency's report. One style, one Jinja environment."""
