# dkim_verify.pl RECORDS.json: verifies messages from standard input (length in four bytes, then the
# message) with Mail::DKIM; prints what it says of the RSA signature, one line a message.
use strict;
use warnings;
use JSON::PP;
use Mail::DKIM::Verifier;
use Mail::DKIM::PublicKey;

binmode(STDIN);
open(my $f, '<', $ARGV[0]) or die "$ARGV[0]: $!\n";
my $records = decode_json(do { local $/; <$f> });
my %keys;
{
	no warnings 'redefine';
	*Mail::DKIM::Signature::fetch_public_key = sub { };
	*Mail::DKIM::Signature::get_public_key = sub {
		my $self = shift;
		my $name = $self->selector . "._domainkey." . $self->domain;
		$keys{$name} //= Mail::DKIM::PublicKey->parse($records->{$name});
		return $keys{$name};
	};
}
while (read(STDIN, my $head, 4) == 4) {
	my $n = unpack('N', $head);
	read(STDIN, my $message, $n) == $n or die "cut short\n";
	my $dkim = Mail::DKIM::Verifier->new();
	$dkim->PRINT($message);
	$dkim->CLOSE;
	my ($rsa) = grep { defined $_->algorithm && $_->algorithm eq 'rsa-sha256' } $dkim->signatures;
	my $result = defined $rsa ? $rsa->result : 'none';
	print "$result\n";
}
