using GridWrapper.Diagnostics;
using GridWrapper.Reporting;
using GridWrapper.SelfTest;

namespace GridWrapper.Tests.Reporting;

/// <summary>A bearer token that ends while it is needed.</summary>
[TestFixture]
[Parallelizable(ParallelScope.All)]
[CancelAfter(60_000)]
public class TokenRenewalTests
{
    private static readonly string Fresh = Token(FakeClock.Origin.AddDays(4));

    [TestCase(30, true, Description = "the last hour")]
    [TestCase(-1, true, Description = "too late is tried as well")]
    [TestCase(90, false)]
    public async Task It_is_renewed_in_time(int minutes, bool renewed, CancellationToken ct)
    {
        using Files files = new(Token(FakeClock.Origin.AddMinutes(minutes)), "the-key\n");
        await using PandaBench bench = new(files.Server, files.Credentials);
        await bench.AcquireAsync(ct);
        string[] paths = [.. bench.Server.Requests.Select(static r => r.Path.Split('/')[^1])];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(await File.ReadAllTextAsync(files.TokenFile, ct), Is.EqualTo(renewed ? Fresh : files.Old));
            Assert.That(paths, Is.EqualTo(renewed ? new[] { "get_access_token", "acquire_jobs" } : ["acquire_jobs"]));
            Assert.That(bench.Server.Requests[^1].Authorization, Is.EqualTo("Bearer " + (renewed ? Fresh : files.Old)));
            Assert.That(File.GetUnixFileMode(files.TokenFile), renewed ? Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite) : Is.Not.Zero);
            Assert.That(Directory.GetFiles(files.Base), Has.Length.EqualTo(2), "nothing half written is left");
        }
    }

    [Test]
    public async Task A_renewal_that_fails_costs_nothing_while_the_old_token_lives(CancellationToken ct)
    {
        using Files files = new(Token(FakeClock.Origin.AddMinutes(30)), "wrong");
        await using PandaBench bench = new(files.Server, files.Credentials);
        await bench.AcquireAsync(ct);
        _ = await bench.UpdateAsync(PandaBench.Running, ct);
        Assert.That(Asked(bench), Is.EqualTo(1), "it is not asked at every call");
        bench.Clock.Advance(TimeSpan.FromMinutes(6));
        _ = await bench.UpdateAsync(PandaBench.Running, ct);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Asked(bench), Is.EqualTo(2));
            Assert.That(await File.ReadAllTextAsync(files.TokenFile, ct), Is.EqualTo(files.Old));
        }
    }

    [TestCase("garbage")]
    [TestCase("a.b.c")]
    [TestCase("with blank")]
    public async Task What_is_no_better_token_is_not_taken(string answer, CancellationToken ct)
    {
        using Files files = new(Token(FakeClock.Origin.AddMinutes(30)), "the-key");
        await using PandaBench bench = new(files.Server with { RenewedToken = answer }, files.Credentials);
        await bench.AcquireAsync(ct);
        Assert.That(await File.ReadAllTextAsync(files.TokenFile, ct), Is.EqualTo(files.Old));
    }

    [Test]
    public void A_place_that_takes_no_file_leaves_the_new_token_in_memory()
    {
        using Files files = new("old", "k");
        TokenSource.InFile source = new(files.TokenFile);
        Directory.CreateDirectory(files.Base + "/gone");
        TokenSource.InFile elsewhere = new(files.Base + "/nowhere/token");
        elsewhere.Replace("old", "new");
        source.Replace("old", "new");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(source.Read(), Is.EqualTo("new"));
            Assert.That(elsewhere.Read, Throws.TypeOf<GridWrapperException>(), "a file that is not there is still missed");
        }

        File.WriteAllText(files.TokenFile, "renewed-by-others");
        Assert.That(source.Read(), Is.EqualTo("renewed-by-others"));
    }

    [Test]
    public void The_key_is_found_where_the_token_is()
    {
        Dictionary<string, string> variables = new() { ["PANDA_AUTH_TOKEN"] = "t", ["PANDA_AUTH_TOKEN_KEY"] = "k", ["PANDA_AUTH_DIR"] = "/auth/", ["PANDA_AUTH_ORIGIN"] = "atlas" };
        PandaCredentials found = PandaCredentials.FromEnvironment(new CredentialSurroundings { Variable = n => variables.GetValueOrDefault(n), Uid = 1, Exists = static p => p is "/auth/t" or "/auth/k", CaDirectoryExists = static _ => false });
        Assert.That((found.Token?.ToString(), found.TokenKeyFile), Is.EqualTo(("/auth/t", "/auth/k")));
    }

    [TestCase("x.eyJpYXQiOjEwMDAsImV4cCI6MTQwMH0.y", 1250, false)]
    [TestCase("x.eyJpYXQiOjEwMDAsImV4cCI6MTQwMH0.y", 1300, true)]
    public void A_short_life_ends_in_its_last_quarter(string token, int second, bool near) => Assert.That(TokenLife.Of(token)?.IsNearItsEnd(DateTimeOffset.UnixEpoch.AddSeconds(second)), Is.EqualTo(near));

    [TestCase("opaque")]
    [TestCase("a.b.c")]
    [TestCase("x.bm90IGpzb24.y")]
    public void A_token_that_does_not_say_when_it_ends(string token) => Assert.That(TokenLife.Of(token), Is.Null);

    private static int Asked(PandaBench bench) => bench.Server.Requests.Count(static r => r.Path.EndsWith("get_access_token", StringComparison.Ordinal));

    private static string Token(DateTimeOffset ends)
    {
        string claims = $$"""{"iat": {{ends.AddDays(-4).ToUnixTimeSeconds()}}, "exp": {{ends.ToUnixTimeSeconds()}}}""";
        return "eyJhbGciOiJub25lIn0." + Convert.ToBase64String(Encoding.UTF8.GetBytes(claims)).TrimEnd('=').Replace('+', '-').Replace('/', '_') + ".c2ln";
    }

    private sealed class Files : IDisposable
    {
        internal Files(string token, string key)
        {
            Old = token;
            Base = Directory.CreateDirectory(Path.Combine(TestContext.CurrentContext.WorkDirectory, "token-" + Guid.NewGuid().ToString("N"))).FullName;
            File.WriteAllText(TokenFile, token);
            File.WriteAllText(Path.Combine(Base, "key"), key);
        }

        internal string Old { get; }

        internal string Base { get; }

        internal string TokenFile => Path.Combine(Base, "token");

        internal WorkloadOptions Server => new() { Token = Old, TokenKey = "the-key", RenewedToken = Fresh };

        internal PandaCredentials Credentials => new() { Token = new TokenSource.InFile(TokenFile), Origin = "atlas.production", TokenKeyFile = Path.Combine(Base, "key") };

        public void Dispose() => Directory.Delete(Base, recursive: true);
    }
}
