"""What an editor asks of a recipe: pure functions of texts and places (`server.py` puts them on the wire), and colours."""
