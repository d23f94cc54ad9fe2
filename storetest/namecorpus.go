package storetest

import "strings"

// oddIDs are ids like others, whatever they look like.
func oddIDs() []string {
	return []string{
		"BTCUSDT", "BTC/USDT:USDT", "BTC-29MAR24-50000-C", "1000PEPEUSDT", "positions",
		// What leads out of a directory, or names a part of one.
		"../x", "/abs", "..", ".", "...", "a/b", "a//b", "a/", "/", "./a", "a/../b", "a\\b", "..\\x", "\\", "C:", "C:\\x", "~", "-rf",
		// What Windows takes for something else.
		"CON", "con", "NUL.txt", "COM1", "aux.json", "x.", "x ", " x", "x..", " ", "a:b", "a<b>", "a|b", "a\"b", "LPT¹",
		// What a backend uses itself, and what looks like it.
		".tmp-0123456789abcdef-x", ".tmp-0123456789abcdef-x.json", ".holdfast", "LOCK", "journal", ".json", "x.json", "x.json.json", "x.JSON", ".x",
		// What escapes look like.
		"%", "%%", "%41", "%2F", "%2f", "100%", "%zz", "%00", "a+b", "a%", "A", "&amp;", "\\u0041", "=41",
		// What is a pattern or a command elsewhere.
		"a*?[b]{c}", "*", "?", "a_b", "a'b", "a''b", "'; DROP TABLE x; --", "$where", "a.b", "a$b", "^a$", "{a}", "{a}:b", "a{b", "a:b:c", "null", "0", "-1",
		// What does not show, or breaks a line.
		"a\nb", "a\rb", "a\tb", "\x01", "\x1b[31m", "\x7f", "a\u0085b", "a\u2028b", "\u200b", "\ufeffa", "a\u202eb",
		// What compares equal to something else somewhere.
		"\u00e9", "e\u0301", "ab", "AB", "Ab", "ß", "ss", "\u212a", "k", "İ", "i", "ﬁ", "fi", "🚀", "日本", "\ufffd", "\U0010ffff", "a", "a ",
		// What is too long for a file name, in bytes or in UTF-16.
		long("n", 200), long("n", 250), long("n", 251), long("n", 255), long("n", 256), long("n", 300), long("n", 1024),
		long("é", 254), long("🚀", 252), long("/", 300), long("%", 100), long("n", 299) + "m",
	}
}

// oddEntities are entities like others.
func oddEntities() []string {
	return []string{
		"signal", "signal/strategy-a", "risk/conservative", "a/b/c/d/e/f/g/h",
		"...", "a\\b", "..\\x", "C:", "~", "-rf", "a/-rf", "a/~",
		"CON", "con/x", "x/NUL.txt", "x.", "x /y", " x", "x./y", "a:b", "a<b>",
		".tmp-0123456789abcdef-x", ".holdfast", "signal/.holdfast", "signal/.holdfast/journal", "LOCK", "journal", ".json", "x.json", "x.json/y", ".x",
		"%", "%41", "A", "100%", "%2F", "a%2Fb", "a*?[b]{c}", "*", "a_b", "'; DROP TABLE x; --", "$where", "system.profile", "a.b", "a$b", "{a}", "{a}/b",
		"a\nb", "\x1b[31m", "a\u2028b", "\u00e9", "e\u0301", "ab", "AB", "🚀", "日本/東京",
		long("n", 200), long("n", 256), long("n", 1024), long("d/", 1023) + "d", "a/" + long("n", 300),
	}
}

func long(s string, bytes int) string { return strings.Repeat(s, bytes/len(s)) }

// brokenIDs are ids that no backend takes.
func brokenIDs() []string {
	return []string{"", "\x00", "a\x00b", "a\x00", "\xff", "a\xc3", "\xed\xa0\x80", "\xc0\xaf", long("n", 1025)}
}

// brokenEntities are entities that no backend takes.
func brokenEntities() []string {
	return append(brokenIDs(), "/", "/abs", "a/", "a//b", ".", "..", "../x", "a/..", "a/../b", "a/./b", "./a", "a/.")
}

// neighbours are keys that run into each other where entity and id are joined
// into one name, or where an id becomes a file and an entity a directory.
func neighbours() []string {
	return []string{
		"a:b c", "a b:c",
		"a/b c", "a b/c",
		"a b", "a/b b", "a/b/b b",
		"a/b.json c", "a c", "a/c.json c", "a/c.json/c.json c",
		"x.json y", "x y", "x y.json", "x.json y.json",
		"a%2Fb c", "a b%2Fc", "a%3Ab c",
		"a|b c", "a b|c", "a\tb c", "a b\tc", "a_b c", "a b_c", "a.b c", "a b.c", "a-b c", "a b-c", "ab c", "a bc",
	}
}
