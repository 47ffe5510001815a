"""What goes back to a porteur, as text: acknowledgements, error files, pages, work lists (specification §1, §2, §5)."""
