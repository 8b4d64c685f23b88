"""GL5xx: does the gradient survive on its way back?"""
