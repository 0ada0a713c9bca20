"""The dialect of the Open Inference Protocol, version 2 (REST): tensors in, tensors out.

Always true here:
- a tensor's values are as many as its shape says and each fits its datatype, on the way in as on the way out;
- a parameter that would change what is asked is refused by name: none is passed to an engine unread.
"""
