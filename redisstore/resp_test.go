package redisstore_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/holdfast-go/holdfast/redisstore"
)

func TestAnswers(t *testing.T) {
	for text, want := range map[string]any{
		"+OK\r\n": "OK", "+\r\n": "", ":-12\r\n": int64(-12), "$-1\r\n": nil, "*-1\r\n": nil,
		"$0\r\n\r\n": "", "$4\r\na\r\nb\r\n": "a\r\nb", "*0\r\n": []any{},
		"*3\r\n:1\r\n$1\r\nx\r\n*1\r\n-ERR no\r\n": []any{int64(1), "x", []any{"ERR no"}},
	} {
		got, err := redisstore.ReadAnswer([]byte(text))
		if err != nil || fmt.Sprintf("%v", got) != fmt.Sprintf("%v", want) {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
	one, two, err := redisstore.ReadPair([]byte("*2\r\n$1\r\nx\r\n$-1\r\n"))
	if string(one) != "x" || two != nil || err != nil {
		t.Errorf("%q, %q, %v", one, two, err)
	}
	if _, _, err := redisstore.ReadPair([]byte("-WRONGTYPE x\r\n")); !redis.HasErrorPrefix(err, "WRONGTYPE") {
		t.Errorf("an error of the server is %v", err)
	}
}

// What is not of the protocol, or cut short, is an error, and costs no memory.
func TestGarbledAnswers(t *testing.T) {
	for _, text := range []string{
		"", "\n", "\r\n", "OK\r\n", "+OK\n", "+OK", ":x\r\n", "$x\r\n", "$-2\r\n", "$3\r\nab\r\n", "$1\r\nabc\r\n", "$536870913\r\n",
		"*1048577\r\n", "*1048576\r\n", "*2\r\n:1\r\n", "$1\r\nx", "+" + strings.Repeat("x", 100) + "\r\n", strings.Repeat("*1\r\n", 9) + ":1\r\n",
	} {
		if got, err := redisstore.ReadAnswer([]byte(text)); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
	for _, text := range []string{"*1\r\n$1\r\nx\r\n", "*2\r\n:1\r\n:1\r\n", "*2\r\n$1\r\nx\r\n", "*2\r\n$1\r\nxy\r\n$-1\r\n", "$1\r\nx\r\n"} {
		if one, two, err := redisstore.ReadPair([]byte(text)); err == nil {
			t.Errorf("%q is read as %q and %q", text, one, two)
		}
	}
}
