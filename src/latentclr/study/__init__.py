"""User studies: frozen pictures, two questions, answers that are kept, and what they say."""
