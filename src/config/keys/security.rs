//! The configuration keys of TLS, SASL, authorisation and delegation tokens: facts about Kafka 4.3 and Ordain.
use super::reasons::{JAVA, TOKENS, X_ACL, X_SASL, X_TLS, X_TOKENS};
use crate::config::key::key_table;

key_table! {
    pub(super) const KEYS;

    "allow.everyone.if.no.acl.found": Boolean = Some("false"), Any, Low, Internal, X_ACL,
        "Whether what no access rule mentions is open to everybody.";
    "authorizer.class.name": Text = Some(""), Any, Low, ReadOnly, X_ACL,
        "The class that decides who may do what.";
    "config.providers": List = Some(""), List(&[], Empty::Allowed), Low, ClusterWide, JAVA,
        "Classes that fetch configuration values, secrets above all, from elsewhere.";
    "connections.max.reauth.ms": Long = Some("0"), Any, Medium, ReadOnly, X_SASL,
        "How long an authenticated session lasts before the client has to prove itself again.";
    "delegation.token.expiry.check.interval.ms": Long = Some("3600000"), AtLeast(1), Low, ReadOnly, TOKENS,
        "How often expired delegation tokens are removed.";
    "delegation.token.expiry.time.ms": Long = Some("86400000"), AtLeast(1), Medium, ReadOnly, TOKENS,
        "How long a delegation token is valid without renewal.";
    "delegation.token.max.lifetime.ms": Long = Some("604800000"), AtLeast(1), Medium, ReadOnly, TOKENS,
        "How long a delegation token can be renewed.";
    "delegation.token.secret.key": Password = None, Any, Medium, ReadOnly, X_TOKENS,
        "The secret that delegation tokens are made and checked with.";
    "principal.builder.class": Class =
        Some("org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder"),
        Any, Medium, PerBroker, JAVA,
        "The class that turns an authenticated connection into a principal.";
    "sasl.client.callback.handler.class": Class = None, Any, Medium, ReadOnly, X_SASL,
        "The class that answers a SASL client's questions.";
    "sasl.enabled.mechanisms": List = Some("GSSAPI"), List(&[], Empty::Allowed), Medium, PerBroker, X_SASL,
        "The SASL mechanisms that clients may use.";
    "sasl.jaas.config": Password = None, Any, Medium, PerBroker, X_SASL,
        "Login settings for SASL, in JAAS form.";
    "sasl.kerberos.kinit.cmd": Text = Some("/usr/bin/kinit"), Any, Medium, PerBroker, X_SASL,
        "Path of Kerberos' kinit.";
    "sasl.kerberos.min.time.before.relogin": Long = Some("60000"), Any, Medium, PerBroker, X_SASL,
        "Least time between two Kerberos logins.";
    "sasl.kerberos.principal.to.local.rules": List = Some("DEFAULT"),
        List(&[], Empty::Allowed), Medium, PerBroker, X_SASL,
        "Rules that turn a Kerberos principal into a short name.";
    "sasl.kerberos.service.name": Text = None, Any, Medium, PerBroker, X_SASL,
        "The Kerberos name that brokers run under.";
    "sasl.kerberos.ticket.renew.jitter": Double = Some("0.05"), Any, Medium, PerBroker, X_SASL,
        "Random share added to the time at which a ticket is renewed.";
    "sasl.kerberos.ticket.renew.window.factor": Double = Some("0.8"), Any, Medium, PerBroker, X_SASL,
        "Share of a ticket's life after which it is renewed.";
    "sasl.login.callback.handler.class": Class = None, Any, Medium, ReadOnly, X_SASL,
        "The class that answers a SASL login's questions.";
    "sasl.login.class": Class = None, Any, Medium, ReadOnly, X_SASL,
        "The class that logs in for SASL.";
    "sasl.login.connect.timeout.ms": Int = None, Any, Low, ReadOnly, X_SASL,
        "How long a connection to the identity provider may take.";
    "sasl.login.read.timeout.ms": Int = None, Any, Low, ReadOnly, X_SASL,
        "How long an answer of the identity provider may take.";
    "sasl.login.refresh.buffer.seconds": Short = Some("300"), Any, Medium, PerBroker, X_SASL,
        "Time before its end at which a credential is refreshed at the latest.";
    "sasl.login.refresh.min.period.seconds": Short = Some("60"), Any, Medium, PerBroker, X_SASL,
        "Least time between two refreshes of a credential.";
    "sasl.login.refresh.window.factor": Double = Some("0.8"), Any, Medium, PerBroker, X_SASL,
        "Share of a credential's life after which it is refreshed.";
    "sasl.login.refresh.window.jitter": Double = Some("0.05"), Any, Medium, PerBroker, X_SASL,
        "Random share added to the time at which a credential is refreshed.";
    "sasl.login.retry.backoff.max.ms": Long = Some("10000"), Any, Low, ReadOnly, X_SASL,
        "Longest pause between tries to reach the identity provider.";
    "sasl.login.retry.backoff.ms": Long = Some("100"), Any, Low, ReadOnly, X_SASL,
        "First pause between tries to reach the identity provider.";
    "sasl.mechanism.controller.protocol": Text = Some("GSSAPI"), Any, High, ReadOnly, X_SASL,
        "The SASL mechanism for connections to controllers.";
    "sasl.mechanism.inter.broker.protocol": Text = Some("GSSAPI"), Any, Medium, PerBroker, X_SASL,
        "The SASL mechanism that nodes use among themselves.";
    "sasl.oauthbearer.assertion.algorithm": Text = Some("RS256"),
        OneOfIgnoreCase(&["ES256", "RS256"]), Medium, ReadOnly, X_SASL,
        "Algorithm that assertions are signed with.";
    "sasl.oauthbearer.assertion.claim.aud": Text = None, Any, Medium, ReadOnly, X_SASL,
        "Audience claim of an assertion.";
    "sasl.oauthbearer.assertion.claim.exp.seconds": Int = Some("300"),
        Between(0, 86_400), Low, ReadOnly, X_SASL,
        "Seconds after which an assertion expires.";
    "sasl.oauthbearer.assertion.claim.iss": Text = None, Any, Medium, ReadOnly, X_SASL,
        "Issuer claim of an assertion.";
    "sasl.oauthbearer.assertion.claim.jti.include": Boolean = Some("false"), Any, Medium, ReadOnly, X_SASL,
        "Whether an assertion carries a unique id.";
    "sasl.oauthbearer.assertion.claim.nbf.seconds": Int = Some("60"), Between(0, 3600), Low, ReadOnly, X_SASL,
        "Seconds before now from which an assertion is valid.";
    "sasl.oauthbearer.assertion.claim.sub": Text = None, Any, Medium, ReadOnly, X_SASL,
        "Subject claim of an assertion.";
    "sasl.oauthbearer.assertion.file": Text = None, Any, Medium, ReadOnly, X_SASL,
        "File with a ready-made assertion.";
    "sasl.oauthbearer.assertion.private.key.file": Text = None, Any, Medium, ReadOnly, X_SASL,
        "File with the key that assertions are signed with.";
    "sasl.oauthbearer.assertion.private.key.passphrase": Password = None, Any, Medium, ReadOnly, X_SASL,
        "Passphrase of the key that assertions are signed with.";
    "sasl.oauthbearer.assertion.template.file": Text = None, Any, Medium, ReadOnly, X_SASL,
        "File with a template for assertions.";
    "sasl.oauthbearer.client.credentials.client.id": Text = None, Any, Medium, ReadOnly, X_SASL,
        "Client id for the identity provider.";
    "sasl.oauthbearer.client.credentials.client.secret": Password = None, Any, Medium, ReadOnly, X_SASL,
        "Client secret for the identity provider.";
    "sasl.oauthbearer.clock.skew.seconds": Int = Some("30"), Any, Low, ReadOnly, X_SASL,
        "Difference of clocks that is tolerated when a token is checked.";
    "sasl.oauthbearer.expected.audience": List = Some(""), List(&[], Empty::Allowed), High, ReadOnly, X_SASL,
        "Audiences of which a token has to name one.";
    "sasl.oauthbearer.expected.issuer": Text = None, Any, High, ReadOnly, X_SASL,
        "The issuer that a token has to name.";
    "sasl.oauthbearer.jwks.endpoint.refresh.ms": Long = Some("3600000"), Any, Low, ReadOnly, X_SASL,
        "How often the keys that sign tokens are fetched again.";
    "sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms": Long = Some("10000"), Any, Low, ReadOnly, X_SASL,
        "Longest pause between tries to fetch the keys that sign tokens.";
    "sasl.oauthbearer.jwks.endpoint.retry.backoff.ms": Long = Some("100"), Any, Low, ReadOnly, X_SASL,
        "First pause between tries to fetch the keys that sign tokens.";
    "sasl.oauthbearer.jwks.endpoint.url": Text = None, Any, Medium, ReadOnly, X_SASL,
        "Where the keys that sign tokens are fetched from.";
    "sasl.oauthbearer.jwt.retriever.class": Class =
        Some("org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever"),
        Any, Medium, ReadOnly, X_SASL,
        "The class that fetches tokens.";
    "sasl.oauthbearer.jwt.validator.class": Class =
        Some("org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator"),
        Any, Medium, ReadOnly, X_SASL,
        "The class that checks tokens.";
    "sasl.oauthbearer.scope": Text = None, Any, Medium, ReadOnly, X_SASL,
        "Scope that is asked for with a token.";
    "sasl.oauthbearer.scope.claim.name": Text = Some("scope"), Any, Low, ReadOnly, X_SASL,
        "Name of the claim that holds a token's scope.";
    "sasl.oauthbearer.sub.claim.name": Text = Some("sub"), Any, Low, ReadOnly, X_SASL,
        "Name of the claim that holds a token's subject.";
    "sasl.oauthbearer.token.endpoint.url": Text = None, Any, Medium, ReadOnly, X_SASL,
        "Where tokens are fetched from.";
    "sasl.server.callback.handler.class": Class = None, Any, Medium, ReadOnly, X_SASL,
        "The class that answers a SASL server's questions.";
    "sasl.server.max.receive.size": Int = Some("524288"), Any, Medium, ReadOnly, X_SASL,
        "Largest message of a client during SASL authentication.";
    "security.inter.broker.protocol": Text = Some("PLAINTEXT"),
        OneOf(&["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]), Medium, ReadOnly, X_TLS,
        "The security protocol that nodes use among themselves.";
    "security.providers": Text = None, Any, Low, ReadOnly, JAVA,
        "Classes that provide security algorithms.";
    "ssl.allow.dn.changes": Boolean = Some("false"), Any, Low, ReadOnly, X_TLS,
        "Whether a renewed certificate may bear another distinguished name.";
    "ssl.allow.san.changes": Boolean = Some("false"), Any, Low, ReadOnly, X_TLS,
        "Whether a renewed certificate may bear other alternative names.";
    "ssl.cipher.suites": List = Some(""), List(&[], Empty::Allowed), Medium, PerBroker, X_TLS,
        "Cipher suites that are offered.";
    "ssl.client.auth": Text = Some("none"),
        OneOf(&["required", "requested", "none"]), Medium, PerBroker, X_TLS,
        "Whether clients have to show a certificate.";
    "ssl.enabled.protocols": List = Some("TLSv1.2,TLSv1.3"),
        List(&[], Empty::Allowed), Medium, PerBroker, X_TLS,
        "The TLS versions that are spoken.";
    "ssl.endpoint.identification.algorithm": Text = Some("https"), Any, Low, PerBroker, X_TLS,
        "How a server's name is checked against its certificate.";
    "ssl.engine.factory.class": Class = None, Any, Low, PerBroker, X_TLS,
        "The class that makes TLS engines.";
    "ssl.key.password": Password = None, Any, Medium, PerBroker, X_TLS,
        "Password of the private key.";
    "ssl.keymanager.algorithm": Text = Some("SunX509"), Any, Medium, PerBroker, X_TLS,
        "Algorithm of the key manager.";
    "ssl.keystore.certificate.chain": Password = None, Any, Medium, PerBroker, X_TLS,
        "The certificate chain itself.";
    "ssl.keystore.key": Password = None, Any, Medium, PerBroker, X_TLS,
        "The private key itself.";
    "ssl.keystore.location": Text = None, Any, Medium, PerBroker, X_TLS,
        "File of the key store.";
    "ssl.keystore.password": Password = None, Any, Medium, PerBroker, X_TLS,
        "Password of the key store.";
    "ssl.keystore.type": Text = Some("JKS"), Any, Medium, PerBroker, X_TLS,
        "Format of the key store.";
    "ssl.principal.mapping.rules": Text = Some("DEFAULT"), Any, Low, ReadOnly, X_TLS,
        "Rules that turn a certificate's name into a principal.";
    "ssl.protocol": Text = Some("TLSv1.3"), Any, Medium, PerBroker, X_TLS,
        "The TLS version a context is made for.";
    "ssl.provider": Text = None, Any, Medium, PerBroker, X_TLS,
        "The provider of the TLS implementation.";
    "ssl.secure.random.implementation": Text = None, Any, Low, PerBroker, X_TLS,
        "Source of randomness for TLS.";
    "ssl.trustmanager.algorithm": Text = Some("PKIX"), Any, Medium, PerBroker, X_TLS,
        "Algorithm of the trust manager.";
    "ssl.truststore.certificates": Password = None, Any, Medium, PerBroker, X_TLS,
        "The trusted certificates themselves.";
    "ssl.truststore.location": Text = None, Any, Medium, PerBroker, X_TLS,
        "File of the trust store.";
    "ssl.truststore.password": Password = None, Any, Medium, PerBroker, X_TLS,
        "Password of the trust store.";
    "ssl.truststore.type": Text = Some("JKS"), Any, Medium, PerBroker, X_TLS,
        "Format of the trust store.";
    "super.users": Text = None, Any, Low, Internal, X_ACL,
        "Principals that may do everything.";
}
