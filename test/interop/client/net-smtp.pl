# Sends a mail through Perl's Net::SMTP: net-smtp.pl clear|starttls|tls PORT CA FROM TO FILE [USER PASSWORD MECHANISM]
use strict;
use warnings;
use Net::SMTP;

my ($how, $port, $ca, $from, $to, $file, $user, $password, $mechanism) = @ARGV;
my %trusted = (SSL_ca_file => $ca);
my $smtp = Net::SMTP->new('localhost', Port => $port, Hello => 'client.test', Timeout => 20, $how eq 'tls' ? (SSL => 1, %trusted) : ()) or die "no connection: $@\n";
$smtp->starttls(%trusted) or die 'STARTTLS: ' . $smtp->message if $how eq 'starttls';
if (defined $user) {
  require Authen::SASL;
  $smtp->auth(Authen::SASL->new(mechanism => $mechanism, callback => { user => $user, authname => $user, pass => $password })) or die 'AUTH: ' . $smtp->message;
}
open my $content, '<:raw', $file or die "$file: $!\n";
my $octets = do { local $/; <$content> };
$smtp->mail($from, Bits => 8) && $smtp->to($to) && $smtp->data() && $smtp->datasend($octets) && $smtp->dataend() or die 'refused: ' . $smtp->message;
$smtp->quit();
