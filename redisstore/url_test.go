package redisstore_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/internal/testserver"
)

const secret = "s3cr3t"

func TestBadURLs(t *testing.T) {
	for _, rawURL := range []string{
		"redis:", "redis://", "redis:///0", "redis://:" + secret + "@h/x", "redis://h/-1", "redis://h/0/1", "redis://h#x", "redis:h",
		"redis://h?tiemout=1s", "redis://h?timeout=", "redis://h?timeout=5", "redis://h?timeout=-1s", "redis://h?timeout=1s&timeout=2s",
		"redis://h?readers=0", "redis://h?writers=x", "redis://h?durability=maybe", "redis://h?prefix=%00", "redis://h?prefix=%ff",
		"redis://h?ca=x", "redis://h?db=1", "rediss://h?ca=/no/such/file", "rediss://h?cert=x", "rediss://h?cert=x&key=y", "rediss://h?ca=",
		"redis+unix:", "redis+unix:///", "redis+unix://h/x", "redis+unix:///x?db=-1",
	} {
		_, err := driver.Open(t.Context(), rawURL, driver.OpenOptions{})
		if !errors.Is(err, driver.ErrInvalidURL) || strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", rawURL, err)
		}
	}
}

// No error and no property has a password in it.
func TestPasswords(t *testing.T) {
	r := testserver.StartRedis(t, "--requirepass", secret)
	host := strings.TrimPrefix(r.Addr, "redis://")
	s := open(t, "redis://:"+secret+"@"+host+"/3?prefix=x")
	must(t, s.Put(t.Context(), btc, []byte(`1`)))
	if p := s.Properties(); p.Location != "redis://"+host+"/3?prefix=x" {
		t.Errorf("location %s", p.Location)
	}
	unix := open(t, "redis+unix://:"+secret+"@"+r.Socket+"?db=3&prefix=x")
	wantValue(t, unix, btc, `1`)
	for rawURL, want := range map[string]string{
		"redis://" + host:                                         "NOAUTH",
		"redis://:wrong-" + secret + "@" + host:                   "WRONGPASS",
		"redis://nobody:" + secret + "@" + host:                   "WRONGPASS",
		"redis://:" + secret + "@" + host + "/99":                 "out of range",
		"redis://:" + secret + "@127.0.0.1:1":                     "cannot reach Redis at 127.0.0.1:1: connect: connection refused",
		"rediss://:" + secret + "@" + host:                        "cannot reach",
		"redis+unix://:" + secret + "@/no/such/socket":            "cannot reach Redis at /no/such/socket",
		"redis://:" + secret + "@no.such.host.invalid?timeout=2s": "cannot reach",
	} {
		started := time.Now()
		_, err := tryOpen(rawURL, driver.OpenOptions{})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", rawURL, err)
		}
		t.Logf("%v: %v", time.Since(started).Round(time.Millisecond), err)
	}
	r.Kill()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := s.Get(ctx, btc); err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("Get: %v", err)
	}
}

func TestTLS(t *testing.T) {
	ca, cert, key := certificate(t)
	port := strconv.Itoa(testserver.FreePort(t))
	testserver.StartRedis(t, "--tls-port", port, "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", ca)
	at := "rediss://localhost:" + port + "?ca=" + url.QueryEscape(ca)
	_, err := tryOpen(at, driver.OpenOptions{})
	if err == nil || strings.Contains(err.Error(), "x509") {
		t.Errorf("without a certificate of one's own: %v", err)
	}
	at += "&cert=" + url.QueryEscape(cert) + "&key=" + url.QueryEscape(key)
	s := open(t, at)
	must(t, s.Put(t.Context(), btc, []byte(`1`)))
	wantValue(t, s, btc, `1`)
	if !strings.HasPrefix(s.Properties().Location, "rediss://") {
		t.Errorf("location %s", s.Properties().Location)
	}
	for _, bad := range []string{"rediss://localhost:" + port, at + "&server-name=example.com"} {
		if _, err := tryOpen(bad, driver.OpenOptions{}); err == nil || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// certificate makes one that is its own authority, for localhost.
func certificate(t *testing.T) (ca, cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	must(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	must(t, err)
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	must(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	must(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600))
	return cert, cert, key
}

// Close leaves no goroutine behind.
func TestCloseLeavesNothing(t *testing.T) {
	r := testserver.StartRedis(t)
	before := runtime.NumGoroutine()
	for range 3 {
		s, err := tryOpen(r.URL("readers=3&writers=3"), driver.OpenOptions{})
		must(t, err)
		must(t, s.Put(t.Context(), btc, []byte(`1`)))
		wantValue(t, s, btc, `1`)
		changes := s.Watch(t.Context(), btc.Entity)
		must(t, s.Put(t.Context(), btc, []byte(`1`)))
		for _, err := range changes {
			must(t, err)
			break
		}
		must(t, s.Close())
	}
	eventually(t, "goroutines have ended", func() bool { return runtime.NumGoroutine() <= before })
}
