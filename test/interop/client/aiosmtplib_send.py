"""Sends a mail through aiosmtplib: aiosmtplib_send.py clear|starttls|tls PORT CA FROM TO FILE [USER PASSWORD]"""

import asyncio
import ssl
import sys

import aiosmtplib

how, port, ca, sender, recipient, file, *login = sys.argv[1:]
with open(file, 'rb') as content:
    octets = content.read()
options = dict(zip(['username', 'password'], login))
asyncio.run(aiosmtplib.send(octets, sender=sender, recipients=[recipient], hostname='localhost', port=int(port), local_hostname='client.test', mail_options=['BODY=8BITMIME'],
                            use_tls=how == 'tls', start_tls=how == 'starttls', tls_context=ssl.create_default_context(cafile=ca), **options))
