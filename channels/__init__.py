"""Channels: who a conversation is with on the hotline or in WeChat, and how what is said there reaches them."""
