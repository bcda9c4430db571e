// The grammar of commands: RFC 5321 §4.1.2 and §4.1.3 with the limits of §4.5.3.1, and the parameters of the extensions.

import { cases, lines, MAIL, octets, RCPT, TO_RCPT, utf8 } from './case.mjs';

/** Each command gets the reply, and RSET puts the session back. */
const each = (reply, commands) => commands.flatMap((command) => [command, reply, 'RSET', 250]);
const inMail = (reply, commands) => commands.flatMap((command) => [MAIL, 250, command, reply, 'RSET', 250]);
const from = (...paths) => paths.map((path) => `MAIL FROM:${path}`);
const to = (...paths) => paths.map((path) => `RCPT TO:${path}`);
const mailWith = (...parameters) => parameters.map((parameter) => `${MAIL} ${parameter}`);
const rcptWith = (...parameters) => parameters.map((parameter) => `${RCPT} ${parameter}`);
/** A domain of so many octets, in labels of at most 63. */
const domainOf = (length) => {
  const name = `${'d'.repeat(63)}.`.repeat(Math.ceil(length / 64)).slice(0, length);
  return name.endsWith('.') ? `${name.slice(0, -2)}dd` : name;
};

export const GRAMMAR = [
  ...cases({ at: 'plain' }, [
    ['EHLO and HELO want a domain', ['EHLO', 501, 'EHLO ', 501, 'HELO', 501, 'HELO ', 501, 'NOOP', 250]],
    ['EHLO takes domains and address literals', ['EHLO [192.0.2.1]', 250, 'EHLO [IPv6:2001:db8::1]', 250, 'EHLO [IPv6:::ffff:192.0.2.1]', 250, 'EHLO a', 250, 'EHLO xn--bcher-kva.test', 250, 'EHLO 3com.test', 250]],
    // shows RFC6531:3.7.1-1
    ['EHLO refuses what is neither', ['EHLO a..b', 501, 'EHLO .', 501, 'EHLO -a.test', 501, 'EHLO [300.1.1.1]', 501, 'EHLO [IPv6:x]', 501, 'EHLO [192.0.2.1', 501, 'EHLO <a.test>', 501, 'EHLO a.test b.test', 501, `EHLO ${utf8('bücher.test')}`, /^50[01]/]],
    ['EHLO refuses a domain of more than 255 octets', [`EHLO ${domainOf(255)}`, 250, `EHLO ${domainOf(256)}`, 501, `EHLO ${'a'.repeat(64)}.test`, 501]],
    ['the null reverse-path is taken', ['MAIL FROM:<>', 250, RCPT, 250]],
    ['ordinary reverse-paths are taken', each(250, from('<a@b.test>', '<a.b.c@b.test>', "<!#$%&'*+-/=?^_`{|}~@b.test>", '<a@b>', '<a@3.test>'))],
    ['a space around the colon is 501', [...each(501, ['MAIL FROM: <a@b.test>', 'MAIL FROM :<a@b.test>', 'MAIL FROM : <a@b.test>', 'MAIL FROM:\t<a@b.test>', 'MAIL  FROM:<a@b.test>']), ...inMail(501, ['RCPT TO: <bob@local.test>', 'RCPT TO :<bob@local.test>'])]],
    ['brackets that are missing or odd are 501', [...each(501, from('a@b.test', '<a@b.test', 'a@b.test>', '<<a@b.test>>', '<a@b.test>>', '<a@b.test>x', 'Alice <a@b.test>', '', '<', '>', '""')), ...inMail(501, to('bob@local.test', '<bob@local.test', '', '<<bob@local.test>>'))]],
    ['MAIL and RCPT want their paths', [...each(501, ['MAIL', 'MAIL FROM', 'MAIL FROM:', 'MAIL <a@b.test>', 'MAIL FROM=<a@b.test>']), ...inMail(501, ['RCPT', 'RCPT TO', 'RCPT TO:', 'RCPT <bob@local.test>'])]],
    ['a mailbox wants a local part and a domain', each(/^5(?:01|53)/, from('<a>', '<a@>', '<@b.test>', '<@>', '<a@b@c.test>', '< >', '<a@b.test >', '< a@b.test>'))],
    ['a local part that is no Dot-string is 501', each(501, from('<a..b@c.test>', '<.a@c.test>', '<a.@c.test>', '<a b@c.test>', '<a,b@c.test>', '<a(b)@c.test>', '<a\\b@c.test>', '<a:b@c.test>', '<a\tb@c.test>'))],
    ['quoted local parts are taken', each(250, from('<"a b"@c.test>', '<"a\\"b"@c.test>', '<"a\\\\"@c.test>', '<"a@b"@c.test>', '<"a..b"@c.test>', '<"<>"@c.test>', '<""@c.test>'))],
    ['quoted local parts that do not end are 501', each(501, from('<"a@c.test>', '<a"@c.test>', '<"a"b@c.test>', '<"a\\"@c.test>', '<"a""b"@c.test>', '<a."b"@c.test>'.replace('."', '"')))],
    ['a domain that breaks the grammar is 501', each(501, from('<a@-b.test>', '<a@b-.test>', '<a@b..test>', '<a@.test>', '<a@b.test.>', '<a@b_c.test>', '<a@b c.test>', '<a@b/c.test>', '<a@b.test,c.test>'))],
    ['address literals are taken', each(250, from('<a@[192.0.2.1]>', '<a@[IPv6:2001:db8::1]>', '<a@[IPv6:::]>', '<a@[ipv6:2001:DB8:0:0:0:0:0:1]>', '<a@[IPv6:1:2:3:4:5:6:192.0.2.1]>'))],
    ['address literals that are none are 501', each(501, from('<a@[256.0.0.1]>', '<a@[192.0.2]>', '<a@[192.0.2.1.1]>', '<a@[192.0.2.1>', '<a@192.0.2.1]>', '<a@[]>', '<a@[IPv6:1::2::3]>', '<a@[IPv6:1:2:3:4:5:6:7:8:9]>', '<a@[IPv6:12345::]>', '<a@[IPv6:g::]>'))],
    ['a source route is taken, and its last element counts', [...each(250, from('<@one.test:a@b.test>', '<@one.test,@two.test:a@b.test>')), MAIL, 250, ...to('<@other.test:bob@local.test>'), 250, ...to('<@local.test:bob@other.test>'), /^550 5\.7\.1 /]],
    ['a source route that breaks the grammar is 501', each(501, from('<@one.test:>', '<@one.test a@b.test>', '<one.test:a@b.test>', '<@one.test,:a@b.test>', '<@one.test,two.test:a@b.test>', '<@:a@b.test>', '<@one.test:<a@b.test>>'))],
    ['a local part has at most 64 octets', [...each(250, from(`<${'a'.repeat(64)}@b.test>`, `<"${'a'.repeat(62)}"@b.test>`)), ...each(/^5(?:0[01]|5[03])/, from(`<${'a'.repeat(65)}@b.test>`))]],
    ['a domain label has at most 63 octets', [...each(250, from(`<a@${'b'.repeat(63)}.test>`)), ...each(501, from(`<a@${'b'.repeat(64)}.test>`))]],
    ['a path has at most 256 octets', [...each(250, from(`<a@${domainOf(252)}>`)), ...each(/^5(?:0[01]|5[03])/, from(`<a@${domainOf(253)}>`, `<a@${domainOf(300)}>`, `<${'@one.test,'.repeat(30)}@two.test:a@b.test>`))]],
    ['the null path is no recipient', inMail(/^5(?:01|5[03])/, to('<>'))],
    ['postmaster without a domain is a recipient, in every case', [MAIL, 250, ...to('<postmaster>'), 250, ...to('<PostMaster>'), 250, ...to('<postmaster@local.test>'), 250, 'DATA', 354, octets('.\r\n'), 250], { mails: [''] }],
    ['postmaster of the host itself is a recipient', [MAIL, 250, ...to('<postmaster@relay.test>'), 250]],
    ['postmaster without a domain is no sender', each(/^5(?:01|53)/, from('<postmaster>'))],
    ['domains are compared without regard to case', inMail(250, to('<bob@LOCAL.test>', '<Bob@Local.TEST>'))],
    ['mail to elsewhere is denied to strangers', inMail(/^550 5\.7\.1 /, to('<bob@other.test>', '<bob@sub.local.test>', '<bob@xlocal.test>', '<bob@local.test.other.test>', '<bob@[127.0.0.1]>', '<bob@[192.0.2.1]>', '<bob@[IPv6:::1]>', '<bob@test>'))],
    ['no trick in a local part makes it mail to elsewhere', [MAIL, 250, ...to('<bob%other.test@local.test>'), 250, ...to('<other.test!bob@local.test>'), 250, ...to('<"bob@other.test"@local.test>'), 250, ...to('<bob@other.test@local.test>'), 501, ...to('<"bob"@other.test>'), 550, 'DATA', 354, octets('.\r\n'), 250], { mails: [''] }],
    ['the sender does not make it mail to elsewhere', ['MAIL FROM:<bob@local.test>', 250, ...to('<bob@other.test>'), 550, 'RSET', 250, 'MAIL FROM:<>', 250, ...to('<bob@other.test>'), 550]],
    ['a refused MAIL begins no transaction', ['MAIL FROM:<', 501, RCPT, 503, 'DATA', 503, `${MAIL} FROB`, 555, RCPT, 503]],
    ['a refused RCPT leaves the others', [MAIL, 250, RCPT, 250, ...to('<bob@other.test>'), 550, ...to('<'), 501, `${RCPT} FROB=1`, 555, 'DATA', 354, octets('.\r\n'), 250], { mails: [''] }],
    ['octets above 127 and NUL are refused in every command', [...each(/^5/, ['\xff', 'MAIL FROM:<\xe9@b.test>', `MAIL FROM:<${utf8('é')}@b.test>`, `MAIL FROM:<a@${utf8('bücher')}.test>`, 'MAIL FROM:<a\0@b.test>', 'EHLO \0', 'N\0OP']), 'NOOP', 250]],
  ]),
  ...cases({ at: 'plain' }, [
    ['an unknown parameter is 555', [...each(/^555 5\.5\.4 /, mailWith('FROB', 'FROB=1', 'X-Y=z', 'SIZE=1 FROB', 'RRVS=1', 'BY=1;R', 'MT-PRIORITY=3', 'NOTIFY=NEVER', 'ORCPT=rfc822;a')), ...inMail(/^555 5\.5\.4 /, rcptWith('FROB', 'FROB=1', 'SIZE=1', 'BODY=7BIT', 'RET=FULL', 'ENVID=x', 'SMTPUTF8'))]],
    ['a parameter that breaks the grammar is 501', each(501, mailWith('=1', '-X', 'X_Y=1', 'SIZE=1=2', 'SIZE=', 'FROB=\x01', 'SIZE=1\tBODY=7BIT'))],
    // shows RFC3461:4.5-1 RFC3461:4.5-2 RFC3461:4.5-3 RFC3461:4.5-4
    ['a parameter that stands twice is 501', [...each(501, mailWith('SIZE=1 SIZE=1', 'SIZE=1 size=2', 'BODY=7BIT BODY=8BITMIME', 'RET=FULL RET=FULL', 'ENVID=a ENVID=a', 'SMTPUTF8 SMTPUTF8')), ...inMail(501, rcptWith('NOTIFY=NEVER NOTIFY=NEVER', 'ORCPT=rfc822;a@b ORCPT=rfc822;a@b'))]],
    // shows RFC3461:4.3-3 RFC6531:3.6-2
    ['keywords and values of parameters are taken in every case', each(250, mailWith('size=1', 'Body=8bitmime', 'ret=Full', 'smtputf8', 'SIZE=1 BODY=7bit RET=hdrs ENVID=a SMTPUTF8'))],
    ['parameters want a space before them', each(501, ['MAIL FROM:<a@b.test>SIZE=1', 'MAIL FROM:<>SIZE=1'])],
    ['after HELO no parameter is taken', ['HELO client.test', 250, ...each(/^5(?:55|0[134])/, mailWith('SIZE=1', 'BODY=8BITMIME', 'SMTPUTF8', 'RET=FULL')), MAIL, 250, `${RCPT} NOTIFY=NEVER`, /^5(?:55|0[134])/, RCPT, 250]],
    ['SIZE up to the limit is taken', each(250, mailWith('SIZE=0', 'SIZE=1', 'SIZE=00001', 'SIZE=35882577'))],
    ['SIZE above the limit is 552', each(/^552 5\.(?:3\.4|2\.3) /, mailWith('SIZE=35882578', 'SIZE=99999999999999999999'))],
    ['SIZE that is no number of at most 20 digits is 501', each(501, mailWith('SIZE', 'SIZE=', 'SIZE=a', 'SIZE=-1', 'SIZE=+1', 'SIZE=1.5', 'SIZE=1e3', 'SIZE=0x10', 'SIZE=100000000000000000000'))],
    ['BODY is 7BIT, 8BITMIME or BINARYMIME', [...each(250, mailWith('BODY=7BIT', 'BODY=8BITMIME', 'BODY=BINARYMIME')), ...each(/^50[14]/, mailWith('BODY', 'BODY=9BIT', 'BODY=8BIT', 'BODY=7BIT,8BITMIME', 'BODY=BINARY'))]],
    // shows RFC6531:3.1-7 RFC6531:3.4-2
    ['SMTPUTF8 takes no value', each(501, mailWith('SMTPUTF8=1', 'SMTPUTF8=x'))],
    // shows RFC6531:3.1-6 RFC6531:3.1-11 RFC6531:3.2-1 RFC6531:3.3-2 RFC6531:3.3-3
    ['UTF-8 in paths is taken with SMTPUTF8, and never without', [...each(250, [`MAIL FROM:<${utf8('用户')}@${utf8('例え')}.test> SMTPUTF8`]), ...each(/^5(?:50|53) 5\.6\.7 |^50[01] /, [`MAIL FROM:<${utf8('用户')}@b.test>`]), `${MAIL} SMTPUTF8`, 250, `RCPT TO:<${utf8('Grüße')}@local.test>`, 250, 'RSET', 250, MAIL, 250, `RCPT TO:<${utf8('Grüße')}@local.test>`, /^553 5\.6\.7 |^50[01] /]],
    // shows RFC6531:1.1-1
    ['what is no UTF-8 is refused with SMTPUTF8, too', each(/^50[01]/, ['MAIL FROM:<\xff@b.test> SMTPUTF8', 'MAIL FROM:<\xc0\x80@b.test> SMTPUTF8', 'MAIL FROM:<\xed\xa0\x80@b.test> SMTPUTF8', 'MAIL FROM:<\xc3@b.test> SMTPUTF8', 'MAIL FROM:<\xf5\x80\x80\x80@b.test> SMTPUTF8'])],
    // shows RFC6531:3.1-9 RFC6531:3.7.4.2-4
    ['VRFY takes SMTPUTF8, and UTF-8 with it and without', ['VRFY bob SMTPUTF8', 252, `VRFY ${utf8('Grüße')} SMTPUTF8`, 252, `VRFY ${utf8('Grüße')}`, 252, 'NOOP', 250]],
    // shows RFC3461:4.3-1 RFC3461:4.3-2
    ['RET is FULL or HDRS', [...each(250, mailWith('RET=FULL', 'RET=HDRS')), ...each(501, mailWith('RET', 'RET=', 'RET=HEADERS', 'RET=FULL,HDRS'))]],
    // shows RFC3461:4-1 RFC3461:4-2 RFC3461:4-4 RFC3461:4.4-1 RFC3461:4.4-2 RFC3461:5.4-2 RFC3461:5.1-3
    ['ENVID is xtext of at most 100 characters', [...each(250, mailWith('ENVID=QQ314159', 'ENVID=a+2Bb+3D', `ENVID=${'e'.repeat(100)}`, 'ENVID=(x)')), ...each(501, mailWith('ENVID', 'ENVID=', 'ENVID=a+', 'ENVID=a+2', 'ENVID=a+zz', 'ENVID=a+2b', 'ENVID=a=b', `ENVID=${'e'.repeat(101)}`))]],
    // shows RFC3461:4.1-1 RFC3461:4.1-2 RFC3461:4.1-3 RFC3461:4.1-4 RFC3461:4.1-5 RFC3461:5.4-3 RFC3461:5.1-4
    ['NOTIFY is NEVER, or a list without it', [...inMail(250, rcptWith('NOTIFY=NEVER', 'NOTIFY=SUCCESS', 'NOTIFY=FAILURE,DELAY', 'NOTIFY=SUCCESS,FAILURE,DELAY', 'notify=never')), ...inMail(501, rcptWith('NOTIFY', 'NOTIFY=', 'NOTIFY=NEVER,SUCCESS', 'NOTIFY=DELAY,NEVER', 'NOTIFY=NEVER,NEVER', 'NOTIFY=ALWAYS', 'NOTIFY=SUCCESS,', 'NOTIFY=,SUCCESS', 'NOTIFY=SUCCESS,,DELAY', 'NOTIFY=SUCCESS;DELAY'))]],
    // shows RFC3461:4.2-1 RFC3461:4.2-2 RFC3461:4.2-4 RFC3461:4.2-6 RFC3461:5.4-4 RFC3461:5.1-6
    ['ORCPT is a type and xtext', [...inMail(250, rcptWith('ORCPT=rfc822;bob@local.test', 'ORCPT=rfc822;bob+2B1@local.test', 'ORCPT=x400;whatever', `ORCPT=rfc822;${'o'.repeat(493)}`, 'NOTIFY=DELAY ORCPT=rfc822;a')), ...inMail(501, rcptWith('ORCPT', 'ORCPT=', 'ORCPT=rfc822', 'ORCPT=;bob', 'ORCPT=rfc822;a+', 'ORCPT=rfc822;a+zz', 'ORCPT=rfc822;a+2b', 'ORCPT=rfc822;a=b', 'ORCPT=rf c;x'))]],
    ['AUTH of MAIL is 555 where AUTH is not offered', each(555, mailWith('AUTH=<>', 'AUTH=a'))],
    ['REQUIRETLS is refused in the clear', each(/^5/, mailWith('REQUIRETLS', 'REQUIRETLS=1'))],
    // shows RFC3461:5.4-1 RFC3461:5.4-7 RFC3461:5.4-8 RFC6531:3.1-8 RFC3461:2-3
    ['a command line of 512 octets is taken, and one of 1036', [`NOOP ${'x'.repeat(505)}`, 250, `${MAIL} ENVID=${'e'.repeat(100)} SIZE=1 BODY=8BITMIME RET=FULL SMTPUTF8`, 250, `${RCPT} NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;${'o'.repeat(493)}`, 250]],
    ['a command line of 100 000 octets gets one reply, and nothing of it is executed', [octets(lines(`NOOP ${'x'.repeat(100_000)} NOOP`, 'NOOP')), /^500 5\.5\.[26] /, 250]],
    ['what follows an over-long line is executed, whatever cuts it', [octets(lines(`RSET ${'\0'.repeat(5000)}`, `NOOP ${'\r'.repeat(5000)}`, 'NOOP')), /^5/, /^5/, 250, ...TO_RCPT]],
  ]),
];
