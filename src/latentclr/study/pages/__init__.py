"""What participants see: addresses, forms and templates."""
