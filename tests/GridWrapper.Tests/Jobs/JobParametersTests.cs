using GridWrapper.Diagnostics;
using GridWrapper.Jobs;

namespace GridWrapper.Tests.Jobs;

[Parallelizable(ParallelScope.All)]
internal sealed class JobParametersTests
{
    private const string T = Examples.T;
    private const string Busybox = "docker://docker.io/library/busybox:latest";

    private static JobRequest Read(string parameters) => JobReader.FromText(parameters, new JobReadOptions { CurrentDirectory = "/job" });

    private static string Show(JobRequest job) => string.Join('\n', new[]
    {
        $"image {job.Image}",
        $"exec {job.Exec}",
        job.Sandbox is { } sandbox ? $"sandbox {sandbox.Url} {sandbox.File}" : "",
        job.Inputs.IsEmpty ? "" : $"in {string.Join(' ', job.Inputs)}",
        string.Join('\n', job.InMap.Select(stream => $"map {stream.Name} {string.Join(' ', stream.Files)}")),
        string.Join('\n', job.WriteInputToTxt.Select(file => $"txt {file.Stream} {file.File}")),
        string.Join('\n', job.Outputs.Select(output => $"out {output.Kind} {output.Name} {output.Lfn}")),
        job.DataDirectory == "/ctrdata" && job.WorkDirectory == "/ctrdata" ? "" : $"at {job.DataDirectory} {job.WorkDirectory}",
        (job.WantsCvmfs ? "cvmfs " : "") + (job.NoX509 ? "noX509 " : "") + (job.RuntimeDebug ? "debug" : ""),
        job.IgnoredOptions.IsEmpty ? "" : $"ignored {string.Join('|', job.IgnoredOptions)}",
    }.Where(line => line.Length > 0));

    private static IEnumerable<TestCaseData> Documented()
    {
        const string Aods = "['AOD.15012345._000001.pool.root.1', 'AOD.15012345._000002.pool.root.1']";
        yield return Case("c01", $"-o \"{{'out.json': '{T}.out.json'}}\" -p \"echo%20hello%20%3E%20out.json\" --containerImage docker://alpine:3.7 ",
            $"image docker://docker.io/library/alpine:3.7\nexec echo hello > out.json\nout File out.json {T}.out.json");
        yield return Case("c02", $"-o \"{{'out.dat': '{T}.out.dat'}}\" -i \"{Aods}\" -p \"ls%20-l%20%25IN%3B%20cat%20%25IN%20%3E%20out.dat\" --containerImage docker://busybox ",
            $"image {Busybox}\nexec ls -l %IN; cat %IN > out.dat\nin AOD.15012345._000001.pool.root.1 AOD.15012345._000002.pool.root.1\nout File out.dat {T}.out.dat");
        yield return Case("c03", $"-a {Examples.Archive} -o \"{{'out.dat': '{T}.out.dat', 'hist.root': '{T}.hist.root'}}\" -p \"./run.sh%20%27a%20b%27%20%22c%20d%22%20%24HOME%20%60id%60\" --containerImage docker://busybox ",
            $"image {Busybox}\nexec ./run.sh 'a b' \"c d\" $HOME `id`\nsandbox https://pandacache.cern.ch/ {Examples.Archive}\nout File out.dat {T}.out.dat\nout File hist.root {T}.hist.root");
        yield return Case("c04", $"-o \"{{'*.root': '{T}.XYZ.root.tgz', 'log_*.txt': '{T}.log_XYZ.txt.tgz'}}\" -p \"./make_many\" --containerImage /cvmfs/unpacked.cern.ch/registry.hub.docker.com/library/alpine:3.7 ",
            $"image /cvmfs/unpacked.cern.ch/registry.hub.docker.com/library/alpine:3.7\nexec ./make_many\nout Glob *.root {T}.XYZ.root.tgz\nout Glob log_*.txt {T}.log_XYZ.txt.tgz");
        yield return Case("c05", "-i \"['A1', 'A2']\" -p \"run%20%25IN%20%25PU%20%25CAL\" --inMap \"{'IN': ['A1', 'A2'], 'PU': ['PU.1', 'PU.2'], 'CAL': ['CAL.1']}\" --containerImage docker://busybox ",
            $"image {Busybox}\nexec run %IN %PU %CAL\nin A1 A2\nmap IN A1 A2\nmap PU PU.1 PU.2\nmap CAL CAL.1");
        yield return Case("c06", "-i \"['A1']\" -p \"run%20in.txt\" --writeInputToTxt IN:in.txt --containerImage docker://busybox ",
            $"image {Busybox}\nexec run in.txt\nin A1\ntxt IN in.txt");
        yield return Case("c07", $"-o \"{{'o': '{T}.o'}}\" -p \"true\" --containerImage docker://gitlab-registry.cern.ch/grp/img@sha256:{new string('0', 64)} --cvmfs --noX509 --datadir /data --workdir /work --debug --useCentralRegistry=True ",
            $"image docker://gitlab-registry.cern.ch/grp/img@sha256:{new string('0', 64)}\nexec true\nout File o {T}.o\nat /data /work\ncvmfs noX509 debug");
        yield return Case("c08", $"-o \"{{'out1.dat': '{T}.out1.dat', 'out2.txt': '{T}.out2.txt'}}\" -p \"run\" --containerImage docker://busybox ",
            $"image {Busybox}\nexec run\nout File out1.dat {T}.out1.dat\nout File out2.txt {T}.out2.txt");
        yield return Case("c09", "-o \"{'regex|part[0-9]+\\\\.root': 'regex|part[0-9]+\\\\.root'}\" -p \"run\" --containerImage docker://busybox ",
            $"image {Busybox}\nexec run\nout Regex regex|part[0-9]+\\.root regex|part[0-9]+\\.root");
        yield return Case("c10", $"-o \"{{'o': '{T}.o'}}\" -p \"gen%20--seed%20101%20--first%20${{FIRSTEVENT}}%20--skip%200%20--n%20-1\" --containerImage docker://busybox ",
            $"image {Busybox}\nexec gen --seed 101 --first ${{FIRSTEVENT}} --skip 0 --n -1\nout File o {T}.o");
        yield return Case("c11", "-i \"['root://se.example//a/f1.root', 'root://se.example//a/f2.root']\" -p \"run%20%25IN\" --givenPFN --containerImage docker://busybox ",
            $"image {Busybox}\nexec run %IN\nin root://se.example//a/f1.root root://se.example//a/f2.root");
        yield return Case("c12", "-p \"python%20-c%20%22print%28%27%25s%20100%25%25%27%20%25%20%27%C3%A9%27%29%22%20%26%26%20echo%20%27a%3Bb%7Cc%27%20%7C%20tee%20x%7B1%2C2%7D%20%5C%5C%20%23%20%2B%3D%26%3F~\" --containerImage docker://busybox ",
            $"image {Busybox}\nexec python -c \"print('%s 100%%' % 'é')\" && echo 'a;b|c' | tee x{{1,2}} \\\\ # +=&?~");
        yield return Case("c13", $"-o \"{{'out.root': '{T}.out.root'}}\" -p \"run%20-o%20out.root\" --execWithRealFileNames --containerImage docker://busybox ",
            $"image {Busybox}\nexec run -o out.root\nout File out.root {T}.out.root");

        static TestCaseData Case(string name, string rest, string expected) => new TestCaseData(Examples.Prefix + rest, expected).SetName($"Documented({name})");
    }

    [TestCaseSource(nameof(Documented))]
    public void ParsesToTheDocumentedMeaning(string parameters, string expected) => Assert.That(Show(Read(parameters)), Is.EqualTo(expected));

    [TestCaseSource(nameof(Documented))]
    public void TheSameAfterThePilotsRequoting(string parameters, string expected)
    {
        string requoted = string.Join(' ', ShellWords.Split(parameters).Select(word => "'" + word.Replace("'", "'\"'\"'", StringComparison.Ordinal) + "'"));

        Assert.That(Show(Read(requoted)), Is.EqualTo(expected));
    }

    [Test]
    public void TheSeedParsesAndIsMarkedAsATask()
    {
        JobRequest job = Read(Examples.Seed);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(Show(job), Is.EqualTo(
                "image docker://docker.io/lukasheinrich/img:1\nexec python run.py out.json\nsandbox https://aipanda078.cern.ch:25443/ "
                + Examples.Archive + "\nout File out.json user.lheinric.$JEDITASKID${SN/P}.out.json"));
            Assert.That(job.HasTemplates, Is.True);
            Assert.That(job.UnexpandedTemplates, Is.EqualTo(new[] { "-o out.json: user.lheinric.$JEDITASKID${SN/P}.out.json" }));
        }
    }

    [TestCase("-o \"{'out.root': 'user.tester${MIDDLENAME}.15012345._000001.out.root'}\"", "-o out.root: user.tester${MIDDLENAME}.15012345._000001.out.root", TestName = "c14")]
    [TestCase("-i \"${IN/T}\"", "-i: ${IN/T}")]
    [TestCase("--inMap \"{'IN': ${IN/T}}\"", "--inMap: {'IN': ${IN/T}}")]
    [TestCase("-a x.tgz --sourceURL ${SURL}", "--sourceURL: ${SURL}")]
    public void OtherTemplatesAreToldToo(string option, string expected)
    {
        JobRequest job = Read($"{option} -p true --containerImage a");

        Assert.That(job.UnexpandedTemplates, Is.EqualTo(new[] { expected }));
    }

    [Test]
    public void AJobWithoutTemplatesHasNone() => Assert.That(Read("-p ls%20%24%7BHOME%7D --containerImage a").HasTemplates, Is.False);

    // The rule is gridwrap's: tokenise first, then the first --containerImage in either form (section 2.6 of the reference shows the pilot's).
    [TestCase("-p \"x\" --containerImage docker://h.x/a", "docker://h.x/a:latest")]
    [TestCase("-p \"x\" --containerImage=docker://h.x/a", "docker://h.x/a:latest")]
    [TestCase("-p \"x\" --containerImage \"docker://h.x/a\" -a b", "docker://h.x/a:latest")]
    [TestCase("-p \"x\" '--containerImage' 'docker://h.x/a'", "docker://h.x/a:latest")]
    [TestCase("--containerImage=docker://h.x/a -j \"\" -p \"x\"", "docker://h.x/a:latest")]
    [TestCase("-p x --containerImage docker://h.x/a --containerImage docker://h.x/b", "docker://h.x/a:latest")]
    [TestCase("-p \"run --containerImage foo\" --containerImage docker://h.x/bar", "docker://h.x/bar:latest")]
    [TestCase("-p \"run%20--containerImage%20foo\" --containerImage  docker://h.x/b", "docker://h.x/b:latest")]
    [TestCase("-p x --containerIm docker://h.x/a", "docker://h.x/a:latest")]
    [TestCase("-p x --containerIm=docker://h.x/a", "docker://h.x/a:latest")]
    [TestCase("-p x --c docker://h.x/a --containerImage h.x/b", null)]
    [TestCase("-p x --containerimage docker://h.x/a", null)]
    [TestCase("-p x --containerImagedocker://h.x/a", null)]
    [TestCase("-p x --containerImage", null)]
    [TestCase("-p \"x --containerImage docker://h.x/a", null)]
    public void WhichImage(string parameters, string? expected)
    {
        string? image;
        try
        {
            image = Read(parameters).Image.ToString();
        }
        catch (GridWrapperException)
        {
            image = null;
        }

        Assert.That(image, Is.EqualTo(expected));
    }

    [TestCase("--unknown -p true", "--unknown")]
    [TestCase("--unknown value -p true", "--unknown value")]
    [TestCase("--unknown=value -p true", "--unknown=value")]
    [TestCase("-x -p true", "-x")]
    [TestCase("-x y -p true bare", "-x y|bare")]
    [TestCase("<ZIP_MAP>a.zip:f1,f2</ZIP_MAP> -p true", "<ZIP_MAP>a.zip:f1,f2</ZIP_MAP>")]
    [TestCase("-p true -- -a b", "-a|b")]
    public void UnknownOptionsAreNotedAndSwallowNoOption(string parameters, string ignored)
    {
        JobRequest job = Read($"--containerImage a {parameters}");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(string.Join('|', job.IgnoredOptions), Is.EqualTo(ignored));
            Assert.That(job.Exec, Is.EqualTo("true"));
            Assert.That(job.Sandbox, Is.Null);
        }
    }

    [TestCase("-j \"\" -p x")]
    [TestCase("-j -p x")]
    [TestCase("-p x -j")]
    [TestCase("-p y -p x")]
    [TestCase("-px")]
    [TestCase("-p=x")]
    [TestCase("-l user.lib.tgz --rootVer 6.28 --cmtConfig x86_64 --useCMake --useRootCore --useAthenaPackages -p x")]
    [TestCase("--overwriteQueuedata={a=b} --overwriteQueueData \"{'a': 'b'}\" --accessmode=direct --useLocalIO -p x")]
    [TestCase("--inputGUIDs \"['x']\" --oldPrefix a --newPrefix b --directIn --lfcHost h --inputFileCount 3 -p x")]
    [TestCase("--env \"A=b\" --runtime-version testing --fileToSave f --fileToLoad g --preprocess --postprocess -p x")]
    public void KnownOptionsThatMeanNothingHereAreSkippedWithTheirValues(string parameters)
    {
        JobRequest job = Read($"{parameters} --containerImage a");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(job.Exec, Is.EqualTo("x"));
            Assert.That(job.IgnoredOptions, Is.Empty);
        }
    }

    [Test]
    public void APayloadMayBeginWithADash() => Assert.That(Read("-p -x%20y --containerImage a").Exec, Is.EqualTo("-x y"));

    [Test]
    public void OutMapIsTheSameAsO() => Assert.That(Read("--outMap \"{u'a': u'b'}\" -p x --containerImage a").Outputs, Is.EqualTo(new[] { new OutputSpec("a", "b", OutputKind.File) }));

    [Test]
    public void TheWorkDirectoryFollowsTheDataDirectory() => Assert.That(Read("--datadir /data/ -p x --containerImage a").WorkDirectory, Is.EqualTo("/data"));

    [Test]
    public void WordsAndTextReadAlike()
    {
        JobRequest fromWords = JobReader.FromArguments(ShellWords.Split(Examples.Seed), "/job");

        Assert.That(Show(fromWords), Is.EqualTo(Show(Read(Examples.Seed))));
    }

    [TestCase("x/y.sif", "/base", "/base/x/y.sif")]
    [TestCase("/abs/y.sif", "/base", "/abs/y.sif")]
    [TestCase("docker://a", "/base/", "docker://docker.io/library/a:latest")]
    [TestCase("a:1", "docker://h.x/group/", "docker://h.x/group/a:1")]
    [TestCase("./rootfs", null, "/job/rootfs")]
    public void ImageBaseStandsBeforeRelativeImages(string image, string? imageBase, string expected)
    {
        JobRequest job = JobReader.FromArguments(["-p", "x", "--containerImage", image], new JobReadOptions { CurrentDirectory = "/job", ImageBase = imageBase });

        Assert.That(job.Image.ToString(), Is.EqualTo(expected));
    }

    private static IEnumerable<TestCaseData> Wrong()
    {
        const string Ok = "-p x --containerImage a ";
        yield return Case("", "there is no image: --containerImage is missing");
        yield return Case("--containerImage a", "there is no command: -p is missing");
        yield return Case("-p x --containerimage a", "(did '--containerimage' mean --containerImage?)");
        yield return Case("-p x --containerImage", "--containerImage has no value");
        yield return Case("-p --containerImage a", "-p has no value");
        yield return Case("-p x --containerImage Alpine", "upper-case 'A'");
        yield return Case("-p \"x --containerImage a", "the quote \" at character 4 is not closed");
        yield return Case("-p \"\" --containerImage a", "-p is empty");
        yield return Case("-p a%00b --containerImage a", "NUL character");
        yield return Case(Ok + "-o out.json", "-o is not a Python literal: 'out' is not a literal (a string needs quotes) (at character 1), in 'out.json'");
        yield return Case(Ok + "-o \"['a']\"", "-o must be a dictionary of produced names and file names, not a list");
        yield return Case(Ok + "-o \"{'a': 1}\"", "-o holds a string with a number");
        yield return Case(Ok + "-o \"{'a': 'd/b'}\"", "must not hold '/'", PilotError.BadOutputFileName);
        yield return Case(Ok + "-o \"{'a': ''}\"", "gives the file name ''", PilotError.BadOutputFileName);
        yield return Case(Ok + "-o \"{'a': '..'}\"", "gives the file name '..'", PilotError.BadOutputFileName);
        yield return Case(Ok + $"-o \"{{'a': '{new string('b', 256)}'}}\"", "a file name of 256 characters; at most 255", PilotError.LfnTooLong);
        yield return Case(Ok + "-o \"{'a': 'bé'}\"", "only printable ASCII", PilotError.BadOutputFileName);
        yield return Case(Ok + "-o \"{'a': 'b\\n'}\"", "only printable ASCII", PilotError.BadOutputFileName);
        yield return Case(Ok + "-o \"{'': 'b'}\"", "empty produced name");
        yield return Case(Ok + "-o \"{'/etc/passwd': 'b'}\"", "'/etc/passwd', which is not below the job directory");
        yield return Case(Ok + "-o \"{'../x': 'b'}\"", "not below the job directory");
        yield return Case(Ok + "-o \"{'a': 'c', 'b': 'c'}\"", "'a' and 'b' under the same name 'c'");
        yield return Case(Ok + "-o \"{'regex|a(': 'regex|a('}\"", "the regular expression 'a(', which cannot be used");
        yield return Case(Ok + "-i a.root", "-i is not a Python literal");
        yield return Case(Ok + "-i \"{'a': 'b'}\"", "-i must be a list of file names, not a dictionary");
        yield return Case(Ok + "-i \"['a', 2]\"", "-i holds a number, which is no file name");
        yield return Case(Ok + "-i \"['']\"", "-i holds '', which is no file name");
        yield return Case(Ok + "--inMap \"['a']\"", "--inMap must be a dictionary of streams");
        yield return Case(Ok + "--inMap \"{'A': 'b'}\"", "--inMap 'A' must be a list of file names, not a string");
        yield return Case(Ok + "--inMap \"{'': []}\"", "must be a string that is not empty");
        yield return Case(Ok + "--writeInputToTxt in.txt", "needs STREAM:file, not 'in.txt'");
        yield return Case(Ok + "--writeInputToTxt IN:/tmp/x", "below the job directory, not '/tmp/x'");
        yield return Case(Ok + "-a ../x.tgz", "-a must name a file");
        yield return Case(Ok + "-a x.tgz --sourceURL ftp://x", "must be an http or https address, not 'ftp://x'");
        yield return Case(Ok + "-a x.tgz --sourceURL pandacache", "must be an http or https address");
        yield return Case(Ok + "--datadir data", "--datadir must be an absolute path");
        yield return Case(Ok + "--datadir /", "--datadir must be an absolute path");
        yield return Case(Ok + "--workdir /a/../b", "--workdir must be an absolute path");
        yield return Case(Ok + "--cvmfs=yes", "--cvmfs takes no value, but has 'yes'");
        yield return Case(Ok + "--use x", "'--use' may mean --useCentralRegistry or");

        static TestCaseData Case(string parameters, string part, int code = PilotError.UnrecognizedTrfArguments) => new(parameters, part, code);
    }

    [Provokes(PilotError.UnrecognizedTrfArguments, PilotError.LfnTooLong, PilotError.BadOutputFileName)]
    [TestCaseSource(nameof(Wrong))]
    public void Refuses(string parameters, string part, int code)
    {
        GridWrapperException e = Assert.Throws<GridWrapperException>(() => Read(parameters))!;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(e.Message, Does.Contain(part));
            Assert.That(e.Failure, Has.Property("ExitCode").EqualTo(ExitCodes.Usage).And.Property("PilotErrorCode").EqualTo(code).And.Property("Blame").EqualTo(Blame.User));
        }
    }

    [Test]
    public void AllFaultsStandInOneMessage()
    {
        GridWrapperException e = Assert.Throws<GridWrapperException>(() => Read("-o x -i y --datadir z --containerImage A"))!;

        Assert.That(e.Message.Split('\n'), Has.Length.EqualTo(6).And.All.Not.Empty, e.Message);
    }
}
