"""A small SIP phone: an engine without I/O (engine), sound (sound, rtp), an asyncio shell (handset), and two faces: JSON
lines for programs (remote) and a screen for people (screen)."""
