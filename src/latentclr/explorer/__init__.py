"""The page on which directions are tried: UI-free modules (recipe, shelf, drawing, export), and a page over them."""
