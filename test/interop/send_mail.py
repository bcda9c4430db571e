"""Sends mail through Python's smtplib.

    send_mail.py send PORT FROM TO,TO... FILE [PARAMETER...]
        one mail; prints {"refused": {TO: [code, text]}, "error": [code, text] or null}
    send_mail.py secure clear|starttls|tls|lmtp PLACE FROM TO,TO... FILE [USER PASSWORD MECHANISM]
        the same in clear or under TLS, or by LMTP over the Unix socket PLACE; prints what "send" prints
    send_mail.py stream PORT THREADS FROM TO OCTETS
        mails, each tenth of about so many octets, until standard input ends, through new and
        kept connections; prints the Subject of each as soon as it is acknowledged. A server that goes away is no reason
        to end.
"""

import json
import smtplib
import ssl
import sys
import threading
import time


def send(port, sender, recipients, file, *parameters):
    with open(file, 'rb') as content:
        octets = content.read()
    refused, error = {}, None
    try:
        with smtplib.SMTP('127.0.0.1', int(port), local_hostname='python.test', timeout=60) as server:
            refused = server.sendmail(sender, recipients.split(','), octets, mail_options=parameters)
    except smtplib.SMTPRecipientsRefused as exception:
        refused = exception.recipients
    except smtplib.SMTPResponseException as exception:
        error = [exception.smtp_code, exception.smtp_error.decode('latin-1')]
    print(json.dumps({'refused': {to: [code, text.decode('latin-1')] for to, (code, text) in refused.items()}, 'error': error}))


def connect(how, place):
    if how == 'lmtp':
        server = smtplib.LMTP(place, local_hostname='python.test')
        return server
    trusting = ssl._create_unverified_context()
    if how == 'tls':
        return smtplib.SMTP_SSL('127.0.0.1', int(place), local_hostname='python.test', timeout=30, context=trusting)
    server = smtplib.SMTP('127.0.0.1', int(place), local_hostname='python.test', timeout=30)
    if how == 'starttls':
        server.starttls(context=trusting)
    return server


def secure(how, place, sender, recipients, file, user=None, password=None, mechanism=None):
    with open(file, 'rb') as content:
        octets = content.read()
    refused, error = {}, None
    try:
        with connect(how, place) as server:
            if user is not None:
                server.ehlo_or_helo_if_needed()
                server.user, server.password = user, password
                server.auth(mechanism, getattr(server, 'auth_' + mechanism.lower()))
            refused = server.sendmail(sender, recipients.split(','), octets)
    except smtplib.SMTPRecipientsRefused as exception:
        refused = exception.recipients
    except smtplib.SMTPResponseException as exception:
        error = [exception.smtp_code, exception.smtp_error.decode('latin-1')]
    print(json.dumps({'refused': {to: [code, text.decode('latin-1')] for to, (code, text) in refused.items()}, 'error': error}))


def stream(port, threads, sender, recipient, octets):
    stopped = threading.Event()
    printing = threading.Lock()

    def run(thread):
        number = 0
        server = None
        while not stopped.is_set():
            number += 1
            subject = f'{thread}-{number}'
            content = f'Subject: {subject}\r\n\r\n'.encode() + b'x' * 70 + b'\r\n' * 2
            content += (b'y' * 70 + b'\r\n') * (int(octets) // 72 if number % 10 == 0 else 1)
            try:
                if server is None:
                    server = smtplib.SMTP('127.0.0.1', int(port), local_hostname='python.test', timeout=30)
                server.sendmail(sender, [recipient], content)
            except (OSError, smtplib.SMTPException):
                server = None
                time.sleep(0.01)
                continue
            with printing:
                print(subject, flush=True)
            if number % 5 == 0:
                try:
                    server.quit()
                except (OSError, smtplib.SMTPException):
                    pass
                server = None

    running = [threading.Thread(target=run, args=(thread,)) for thread in range(int(threads))]
    for thread in running:
        thread.start()
    sys.stdin.read()
    stopped.set()
    for thread in running:
        thread.join()


{'send': send, 'secure': secure, 'stream': stream}[sys.argv[1]](*sys.argv[2:])
