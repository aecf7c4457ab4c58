"""What generated files are made from: jinja files, and the chat templates that smolc ships."""
