"""Runs aiosmtpd as a server that keeps what it takes: aiosmtpd_server.py smtp|smtps|lmtp PORT FOLDER CERT KEY USER PASSWORD [HOSTNAME]

Each mail becomes a file FOLDER/N.json (how it came) and FOLDER/N.eml (its octets). Prints "ready" when it listens.
"""

import asyncio
import json
import os
import ssl
import sys

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, AuthResult

kind, port, folder, cert, key, user, password, *names = sys.argv[1:]
count = 0


class Keeper:
    async def handle_DATA(self, server, session, envelope):
        global count
        count += 1
        facts = {'from': envelope.mail_from, 'to': envelope.rcpt_tos, 'options': envelope.mail_options, 'tls': session.ssl is not None, 'user': session.authenticated and user or None}
        with open(os.path.join(folder, f'{count}.eml'), 'wb') as file:
            file.write(envelope.original_content)
        with open(os.path.join(folder, f'{count}.tmp'), 'w') as file:
            json.dump(facts, file)
        os.rename(os.path.join(folder, f'{count}.tmp'), os.path.join(folder, f'{count}.json'))
        return '250 2.0.0 kept'


def authenticate(server, session, envelope, mechanism, data):
    return AuthResult(success=data.login == user.encode() and data.password == password.encode(), handled=False)


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(cert, key)
options = dict(hostname=(names or ['aiosmtpd.test'])[0], authenticator=authenticate, enable_SMTPUTF8=True, **({'auth_require_tls': False} if kind == 'smtps' else {'tls_context': context}))


async def main():
    loop = asyncio.get_running_loop()
    make = (lambda: LMTP(Keeper(), **options)) if kind == 'lmtp' else (lambda: SMTP(Keeper(), **options))
    server = await loop.create_server(make, '127.0.0.1', int(port), ssl=context if kind == 'smtps' else None)
    print('ready', flush=True)
    await server.serve_forever()


asyncio.run(main())
