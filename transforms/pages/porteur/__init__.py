"""What goes back to a porteur: acknowledgements, error files, its page, work lists (specification §1, §2, §5)."""
