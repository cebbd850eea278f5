"""What participants see: forms, views of items, templates, and the addresses that lead to them."""
