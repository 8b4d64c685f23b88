"""GL3xx: do the weights have the law that their use asks for?"""
