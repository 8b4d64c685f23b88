"""GL2xx: are things alike that must differ?"""
