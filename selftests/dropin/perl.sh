#!/bin/sh
# SPDX-License-Identifier: MIT
# perl gives the same output under Lane: hashes, regular expressions, sorting,
# interpreter threads, a forked child.
# shellcheck source-path=SCRIPTDIR source=common
. "$(dirname "$0")/common"
needs perl

PERL_HASH_SEED=0
PERL_PERTURB_KEYS=0
export PERL_HASH_SEED PERL_PERTURB_KEYS

prepare() {
	cat >churn.pl <<'END'
use strict;
use warnings;
use Config;
use List::Util qw(sum0 shuffle);
use Digest::MD5 qw(md5_hex);
$| = 1;
my $n = shift;
srand(42);

my %word;
for my $i (1 .. $n) {
	my $w = join '', map { chr(97 + int rand 26) } 1 .. 1 + int rand 12;
	push @{$word{$w}}, { id => $i, text => $w x (1 + $i % 40) };
}
print "words ", scalar(keys %word), " ", md5_hex(join ',', sort keys %word), "\n";
print "texts ", md5_hex(join '', map { $_->{text} } map { @{$word{$_}} } sort keys %word), "\n";
delete @word{grep { /^[a-m]/ } keys %word};
print "left ", scalar(keys %word), " ", sum0(map { length $_->{text} } map { @$_ } values %word), "\n";

my $text = join "\n", map { "line $_: " . ('k' x ($_ % 90)) . " v=" . ($_ * 7 % 1009) } 1 .. $n;
my $found = 0;
$found += $1 while $text =~ /k{10,20} v=(\d+)/g;
(my $other = $text) =~ s/(\d+)/<$1>/g;
print "regex $found ", length $other, " ", md5_hex($other), "\n";
print "split ", md5_hex(join '|', sort { $b cmp $a } split /[:=\s]+/, $text), "\n";

my @shuffled = shuffle 1 .. $n;
print "sort ", md5_hex(join ',', sort { $a <=> $b } @shuffled), "\n";
my $grown = '';
$grown .= pack 'NnC', $_, $_ & 0xffff, $_ & 0xff for 1 .. $n;
print "pack ", md5_hex($grown), "\n";
my $tree;
$tree = { left => $tree, value => [ (1) x ($_ % 50) ] } for 1 .. 2000;
my ($depth, $t) = (0, $tree);
$depth++ while $t = $t->{left};
print "tree $depth\n";

my $pid = open my $pipe, '-|';
if (!$pid) {
	my %h = map { $_ => 'x' x $_ } 1 .. 500;
	print md5_hex(join ',', map { $h{$_} } sort { $a <=> $b } keys %h), "\n";
	exit 0;
}
print "child ", <$pipe>;
close $pipe;
if ($Config{useithreads}) {
	require threads;
	my @t = map {
		my $k = $_;
		threads->create(sub {
			my %h;
			$h{$_ % 1000 . "-$k"} .= 'y' x ($_ % 30) for 1 .. $n;
			return md5_hex(join ',', map { "$_=$h{$_}" } sort keys %h);
		})
	} 1 .. 4;
	print "thread ", $_->join, "\n" for @t;
}
print "eval ", (eval { die { code => 7 } } // $@->{code}), "\n";
END
	rows=20000
	[ -z "$QUICK" ] || rows=4000
	without plain perl churn.pl "$rows"
}

suite() {
	with "$1" lane perl churn.pl "$rows"
	same "$1: perl gives the same output" plain lane
	lane_at_work "$1: perl ran on Lane" lane 100000 "$1"
}

run_suites 2
