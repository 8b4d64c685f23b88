"""GL1xx: is everything written, and by whom is it trained?"""
