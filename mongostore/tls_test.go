package mongostore_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/internal/testserver"
)

// certificate makes one for 127.0.0.1 that is its own authority.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "holdfast test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	must(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	must(t, err)
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	must(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	must(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	return cert, key
}

func TestTLS(t *testing.T) {
	cert, private := certificate(t)
	f := testserver.StartFerret(t, testserver.FerretOptions{Cert: cert, Key: private})
	at := "mongodb://" + f.AddrTLS + "/db?serverSelectionTimeoutMS=1000"
	s := open(t, at+"&tls=true&tlsCAFile="+cert)
	must(t, s.Init(t.Context(), signals))
	must(t, s.Put(t.Context(), key("a"), []byte(`1`)))
	if rec := get(t, s, "a"); string(rec.Data) != `1` {
		t.Errorf("got %s", rec.Data)
	}
	for parameters, words := range map[string]string{"&tls=true": "certificate", "": ""} {
		_, err := driver.Open(t.Context(), at+parameters, driver.OpenOptions{})
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%q: %v, want %q", parameters, err, words)
		}
	}
}
