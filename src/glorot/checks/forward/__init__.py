"""GL4xx: does the signal survive on its way forward?"""
