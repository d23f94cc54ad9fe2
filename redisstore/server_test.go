package redisstore_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/internal/testserver"
)

// What a server promises is asked, said, and demanded.
func TestPromises(t *testing.T) {
	acl := filepath.Join(t.TempDir(), "acl")
	must(t, os.WriteFile(acl, []byte("user default on nopass ~* &* +@all -config -info\n"), 0o600))
	for name, x := range map[string]struct {
		args []string
		want []string // words of each weakness
	}{
		"durable":  {nil, nil},
		"no log":   {[]string{"--appendonly", "no"}, []string{"appendonly is no"}},
		"everysec": {[]string{"--appendfsync", "everysec"}, []string{"appendfsync is everysec"}},
		"never":    {[]string{"--appendfsync", "no"}, []string{"appendfsync is no"}},
		"lazy":     {[]string{"--no-appendfsync-on-rewrite", "yes"}, []string{"no-appendfsync-on-rewrite is yes"}},
		"evicting": {[]string{"--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"}, []string{"maxmemory-policy is allkeys-lru"}},
		"full":     {[]string{"--maxmemory", "100mb", "--maxmemory-policy", "noeviction"}, nil},
		"volatile": {[]string{"--maxmemory", "100mb", "--maxmemory-policy", "volatile-lru"}, nil},
		"hosted":   {[]string{"--rename-command", "CONFIG", ""}, []string{"appendfsync is not known"}},
		"silent":   {[]string{"--aclfile", acl}, []string{"INFO is refused", "appendfsync is not known"}},
		"two": {[]string{"--appendonly", "no", "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-random"},
			[]string{"appendonly is no", "maxmemory-policy is allkeys-random"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := testserver.StartRedis(t, x.args...)
			s := open(t, r.URL(""))
			p, findings := s.Properties(), s.Report().Findings
			if p.Durable != (len(x.want) == 0) || len(findings) != len(x.want) || s.Report().Damaged() != 0 {
				t.Fatalf("%+v, %+v; want %q", p, findings, x.want)
			}
			for i, want := range x.want {
				if !strings.Contains(findings[i].Detail, want) || !strings.Contains(p.Notes[i], want) {
					t.Errorf("%q, %q lack %q", findings[i].Detail, p.Notes[i], want)
				}
			}
			must(t, s.Put(t.Context(), btc, []byte(`1`)))
			_, err := tryOpen(r.URL("durability=require"), driver.OpenOptions{})
			if (err == nil) != (len(x.want) == 0) || err != nil && !strings.Contains(err.Error(), x.want[0]) {
				t.Errorf("durability=require: %v", err)
			}
		})
	}
}

// A server that was started again with other settings is refused, too.
func TestRequiredOfEachConnection(t *testing.T) {
	r := testserver.StartRedis(t)
	s := open(t, r.URL("durability=require"))
	must(t, s.Put(t.Context(), btc, []byte(`1`)))
	must(t, client(t, r).ConfigSet(t.Context(), "appendfsync", "everysec").Err())
	must(t, client(t, r).Do(t.Context(), "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes").Err())
	err := s.Put(t.Context(), btc, []byte(`2`))
	if err == nil || !strings.Contains(err.Error(), "everysec") {
		t.Errorf("Put: %v", err)
	}
	wantValue(t, s, btc, `1`)
	must(t, client(t, r).ConfigSet(t.Context(), "appendfsync", "always").Err())
	must(t, s.Put(t.Context(), btc, []byte(`3`)))
}

func TestReplica(t *testing.T) {
	master := testserver.StartRedis(t, "--repl-diskless-sync-delay", "0")
	host, port, err := net.SplitHostPort(master.Addr)
	must(t, err)
	replica := testserver.StartRedis(t, "--replicaof", host+" "+port)
	s := open(t, replica.URL(""))
	if p := s.Properties(); p.Durable || !p.ReadOnly {
		t.Errorf("%+v", p)
	}
	if err := s.Put(t.Context(), btc, []byte(`1`)); !errors.Is(err, driver.ErrReadOnly) {
		t.Errorf("Put: %v", err)
	}
	m := open(t, master.URL(""))
	must(t, m.Put(t.Context(), btc, []byte(`1`)))
	eventually(t, "the replica has the value", func() bool {
		rec, err := s.Get(t.Context(), btc)
		return err == nil && string(rec.Data) == `1`
	})
}

func TestClusterIsRefused(t *testing.T) {
	r := testserver.StartRedis(t, "--cluster-enabled", "yes")
	if _, err := tryOpen(r.URL(""), driver.OpenOptions{}); err == nil || !strings.Contains(err.Error(), "Cluster") {
		t.Errorf("got %v", err)
	}
}

// A full server refuses changes, forgets nothing, and takes removals.
func TestFullServer(t *testing.T) {
	r := testserver.StartRedis(t)
	s := open(t, r.URL(""))
	must(t, s.Put(t.Context(), btc, []byte(`1`)))
	must(t, client(t, r).ConfigSet(t.Context(), "maxmemory", "1").Err())
	rev := wantValue(t, s, btc, `1`).Rev
	for name, err := range map[string]error{
		"Put":   s.Put(t.Context(), btc, []byte(`2`)),
		"Apply": s.Apply(t.Context(), []driver.Cond{{Key: btc, Rev: rev}}, []driver.Op{{Key: btc, Data: []byte(`2`)}}),
	} {
		if err == nil || errors.Is(err, driver.ErrUnknown) || !strings.Contains(err.Error(), "memory") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if wantValue(t, s, btc, `1`).Rev != rev {
		t.Error("the revision has changed")
	}
	must(t, client(t, r).ConfigSet(t.Context(), "maxmemory", "0").Err())
	must(t, s.Put(t.Context(), btc, []byte(`2`)))
}

// The server forgets its scripts when it is told to.
func TestForgottenScript(t *testing.T) {
	r := testserver.StartRedis(t)
	s := open(t, r.URL(""))
	for range 3 {
		must(t, s.Put(t.Context(), btc, []byte(`1`)))
		must(t, client(t, r).ScriptFlush(t.Context()).Err())
		must(t, s.Delete(t.Context(), btc))
	}
}

func TestReadOnly(t *testing.T) {
	r := testserver.StartRedis(t)
	must(t, open(t, r.URL("")).Put(t.Context(), btc, []byte(`1`)))
	s, err := tryOpen(r.URL(""), driver.OpenOptions{ReadOnly: true})
	must(t, err)
	defer s.Close()
	wantValue(t, s, btc, `1`)
	for name, err := range map[string]error{
		"Put": s.Put(t.Context(), btc, []byte(`2`)), "Delete": s.Delete(t.Context(), btc), "Clear": s.Clear(t.Context(), btc.Entity),
		"Apply": s.Apply(t.Context(), nil, []driver.Op{{Key: btc, Delete: true}}),
	} {
		if !errors.Is(err, driver.ErrReadOnly) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if !s.Properties().ReadOnly {
		t.Error("Properties do not say that it is for reading alone")
	}
}
