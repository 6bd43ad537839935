using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using Manifold.Data;
using Manifold.Pictures;

namespace Manifold.Tests.Data;

/// <summary>Which files and folders become which split, in every layout that sets come in.</summary>
public class SplitRuleTests
{
    private static byte[] Png(int value) => new Picture(4, 4, 1, [.. Enumerable.Range(0, 16).Select(i => (byte)(i == 0 ? value : 7 * i))]).ToPng();

    /// <summary>Pictures at these places; each has its own first pixel.</summary>
    private static string Folder(TemporaryFolder temporary, params string[] pictures)
    {
        foreach (var (value, picture) in pictures.Index())
        {
            Directory.CreateDirectory(Path.GetDirectoryName(temporary[$"set/{picture}"])!);
            File.WriteAllBytes(temporary[$"set/{picture}"], Png(value));
        }
        return temporary["set"];
    }

    private static string[] In(string folder, int count) => [.. Enumerable.Range(0, count).Select(i => $"{folder}/{i:D3}.png")];

    private static string Packed(TemporaryFolder temporary, string kind, params string[] pictures)
    {
        var path = temporary[$"set.{kind}"];
        if (kind == "zip")
        {
            using var zip = ZipFile.Open(path, ZipArchiveMode.Create);
            foreach (var (value, picture) in pictures.Index()) { using var entry = zip.CreateEntry(picture).Open(); entry.Write(Png(value)); }
            return path;
        }
        using var tar = new TarWriter(File.Create(path));
        foreach (var (value, picture) in pictures.Index()) tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, picture) { DataStream = new MemoryStream(Png(value)) });
        return path;
    }

    private static DataSet Open(string path) => DataSet.Open(new DataSettings { Set = path });
    private static string Refused(string path) => Assert.Throws<DataException>(() => Open(path)).Message;
    private static string Counts(DataSet set) => $"{set.Train.Count} {set.Validation.Count} {set.Test?.Count ?? 0}";
    private static int[] Values(Split split) => [.. split.InOrder(0, split.Count, PixelRange.Bytes).X[.., 0, 0, 0].data<float>().ToArray().Select(value => (int)value).Order()];

    [Theory]
    [InlineData("train", "Train"), InlineData("TRAINING", "Train"), InlineData("x_train", "Train"), InlineData("xTrain", "Train"), InlineData("XTrain.npy", "Train")]
    [InlineData("emnist-balanced-train-images-idx3-ubyte.gz", "Train"), InlineData("train2017", "Train"), InlineData("data_batch_3.bin", "Train")]
    [InlineData("val", "Validation"), InlineData("Valid", "Validation"), InlineData("validation-00000-of-00001.parquet", "Validation"), InlineData("dev", "Validation"), InlineData("val_images", "Validation")]
    [InlineData("test", "Test"), InlineData("Testing", "Test"), InlineData("t10k-images.idx3-ubyte", "Test"), InlineData("T10K-IMAGES-IDX3-UBYTE", "Test"), InlineData("test_batch.bin", "Test")]
    [InlineData("trainset", "Train"), InlineData("TrainData", "Train"), InlineData("trainimgs.npy", "Train"), InlineData("train1", "Train"), InlineData("training images", "Train")]
    [InlineData("valset", "Validation"), InlineData("validdata", "Validation"), InlineData("devfiles", "Validation"), InlineData("testset", "Test"), InlineData("TESTDATA", "Test"), InlineData("testimages", "Test")]
    [InlineData("trainstation", null), InlineData("testament", null), InlineData("valuation", null), InlineData("devices", null), InlineData("dataset", null)]
    [InlineData("contest", null), InlineData("trainer", null), InlineData("interval", null), InlineData("latest", null), InlineData("images", null), InlineData("train-test", null)]
    public void A_name_says_its_split_by_a_whole_word(string name, string? kind) => Assert.Equal(kind, SplitNames.Of(name)?.ToString());

    [Theory]
    [InlineData("train", "val", "test", "20 7 5")]
    [InlineData("Training", "Validation", "Testing", "20 7 5")]
    [InlineData("TRAIN", "valid", "TEST", "20 7 5")]
    [InlineData("train", "dev", "t10k", "20 7 5")]
    [InlineData("training_set", "validation_set", "test_set", "20 7 5")]
    [InlineData("train2017", "val2017", "test2017", "20 7 5")]
    [InlineData("trainset", "valset", "testset", "20 7 5")]
    [InlineData("traindata", null, "testdata", "18 2 5")]
    [InlineData("train1", "val1", "test1", "20 7 5")]
    [InlineData("train/train", "train/val", "train/test", "20 7 5")]                // splits within a folder that is named like one
    [InlineData("dev/train", null, "dev/test", "18 2 5")]
    [InlineData("test/test/train_a", "test/test/val_a", "test/test/test_a", "20 7 5")]
    [InlineData("train/images", "val/images", "test/images", "20 7 5")]             // a folder that says nothing, above the classes
    [InlineData("train/images", null, null, "18 2 0")]
    [InlineData("Train", "valid", null, "20 7 0")]
    [InlineData("training", null, "testing", "18 2 5")]
    [InlineData("train", null, null, "18 2 0")]
    public void Folders_of_splits_are_those_splits_in_folders_and_archives(string train, string? validation, string? test, string counts)
    {
        using var temporary = new TemporaryFolder();
        string[] pictures = [.. In(train + "/a", 10), .. In(train + "/b", 10), .. validation is null ? [] : In(validation + "/a", 7), .. test is null ? [] : In(test + "/b", 5)];
        DataSet[] sets = [Open(Folder(temporary, pictures)), Open(Packed(temporary, "zip", pictures)), Open(Packed(temporary, "tar", [.. pictures.Select(picture => "./name/" + picture)]))];
        Assert.Equal([counts, counts, counts], sets.Select(Counts));
        Assert.Single(sets.Select(set => set.Fingerprint).Distinct());
        Assert.Equal(["a", "b"], sets[0].ClassNames);
        Assert.Equal(Enumerable.Range(0, 20), Values(sets[0].Train).Concat(validation is null ? Values(sets[0].Validation) : []).Order());
        if (validation is not null) Assert.Equal(Enumerable.Range(20, 7), Values(sets[0].Validation));
    }

    // Some archives hold each folder once more: training_set/training_set/cats.
    [Fact]
    public void A_folder_of_a_split_within_itself_is_no_class()
    {
        using var temporary = new TemporaryFolder();
        var set = Open(Folder(temporary, [.. In("training_set/training_set/cats", 10), .. In("training_set/training_set/dogs", 10), .. In("test_set/test_set/cats", 3), .. In("test_set/test_set/dogs", 3)]));
        Assert.Equal(("18 2 6", "cats dogs"), (Counts(set), string.Join(' ', set.ClassNames)));
    }

    [Theory]
    [InlineData("train,cat,dog", "give the path of one, such as SET/train")]       // a split beside classes
    [InlineData("test,cat,dog", "which name splits, beside cat, dog")]
    [InlineData("val,alice,bob", "rename the split if it is a class")]
    [InlineData("seg_train,seg_test,seg_pred", "beside seg_pred")]
    [InlineData("train,training,test", "both name the training split")]
    [InlineData("val,test", "none of them is to train on")]
    [InlineData("cat/train,cat/test,dog/train,dog/test", "splits within other folders: cat/t")]
    [InlineData("A/train,A/val,B/train,B/val", "splits within other folders")]
    [InlineData("cat/train_images,cat/test_images,dog/train_images,dog/test_images", "splits within other folders: cat/")]
    [InlineData("a/train2017,a/val2017,b/train2017,b/val2017", "splits within other folders: a/")]
    [InlineData("a/seg_train,a/seg_test,b/seg_train,b/seg_test", "splits within other folders: a/")]
    [InlineData("train/cat/train,train/cat/test,train/dog/train,train/dog/test", "splits within other folders: train/cat/")]
    [InlineData("train/train,train/val,test/cat", "splits within other folders: train/")]
    [InlineData("val2017,test2017", "none of them is to train on")]
    [InlineData("val_images,test_images", "none of them is to train on")]
    [InlineData("seg_val,seg_test", "none of them is to train on")]
    [InlineData("training_set,cat,dog", "give the path of one, such as SET/training_set")]
    [InlineData("name/train,name/cat,name/dog", "give the path of one, such as SET/name/train")]
    public void A_layout_that_is_not_understood_is_refused_with_the_way_out(string folders, string message)
    {
        using var temporary = new TemporaryFolder();
        string[] pictures = [.. folders.Split(',').SelectMany(folder => In(folder, 12))];
        var path = Folder(temporary, pictures);
        Assert.Contains(message.Replace("SET", path), Refused(path));
        Assert.Contains(message.Split("SET")[0].Replace("give the path of one", "unpack it and give the path of one"), Refused(Packed(temporary, "zip", pictures)));
    }

    // A class may bear a name that has the word of a split in it.
    [Theory]
    [InlineData("crash test,test tube,vial"), InlineData("train_station,bridge"), InlineData("trainers,boots"), InlineData("A,B"), InlineData("trains,vale"), InlineData("vitamin_a_test,vitamin_b_test")]
    public void Classes_are_not_taken_for_splits(string folders)
    {
        using var temporary = new TemporaryFolder();
        var set = Open(Folder(temporary, [.. folders.Split(',').SelectMany(folder => In(folder, 12))]));
        Assert.Equal(folders.Split(',').Order(StringComparer.Ordinal), set.ClassNames);
        Assert.Null(set.Test);
    }

    // Within the folder of a split too; below it, one name that says a split may be a class: "valid" beside "invalid".
    [Theory]
    [InlineData("train_station,test_tube,vial"), InlineData("invalid,valid"), InlineData("cat")]
    public void Classes_within_the_folder_of_a_split_are_not_taken_for_splits(string folders)
    {
        using var temporary = new TemporaryFolder();
        var set = Open(Folder(temporary, [.. folders.Split(',').SelectMany(folder => In($"train/{folder}", 12))]));
        Assert.Equal(folders.Split(',').Order(StringComparer.Ordinal), set.ClassNames);
        Assert.Null(set.Test);
    }

    [Theory]
    [InlineData("a/data-00000-of-00002.parquet,a/data-00001-of-00002.parquet", "Train Train")]
    [InlineData("0000.parquet,0001.parquet", "Train Train")]
    [InlineData("data-00000-of-00002-6587633be5e4b2b1.parquet,data-00001-of-00002-0a1f4c5d6e7f8a9b.parquet", "Train Train")]
    [InlineData("default/partial-train/0000.parquet,default/partial-test/0000.parquet", "Train Test")]
    [InlineData("default/train/0000.parquet,default/train/0001.parquet,default/validation/0000.parquet", "Train Train Validation")]
    [InlineData("train/chunk-0/0.parquet,train/chunk-1/0.parquet,test/chunk-0/0.parquet", "Train Train Test")]
    [InlineData("train.parquet,data/test.parquet", "Train Test")]
    [InlineData("default/trainA/0000.parquet,default/testA/0000.parquet", "Train Test")]
    public void Tables_are_sorted_by_their_names_and_folders(string files, string kinds)
    {
        var names = files.Split(',');
        var sorted = SplitNames.OfFiles("set", names, canBeJoined: true);
        Assert.Equal(kinds, string.Join(' ', names.Select(name => sorted[name])));
    }

    [Theory]
    [InlineData("default/trainA/0000.parquet,default/trainB/0000.parquet,default/testA/0000.parquet", "two domains", "default/trainA")]
    [InlineData("trainA.parquet,trainB.parquet", "two domains", "trainA.parquet")]
    [InlineData("cats.parquet,dogs.parquet", "do not all say a split", null)]
    [InlineData("train.parquet,extra.parquet", "do not all say a split", null)]
    [InlineData("cropped/train-0.parquet,cropped/test-0.parquet,full/train-0.parquet,full/test-0.parquet", "several configurations", "cropped")]
    [InlineData("size_32/train/0000.parquet,size_64/train/0000.parquet", "several configurations", "size_32")]
    [InlineData("data1/train.parquet,data2/train.parquet", "several configurations", "data1")]
    [InlineData("one/0000.parquet,two/0000.parquet", "several configurations", "one")]
    [InlineData("test-0.parquet,val-0.parquet", "none of them is to train on", null)]
    public void Tables_that_cannot_be_told_apart_are_refused_with_the_way_out(string files, string message, string? part)
    {
        using var temporary = new TemporaryFolder();
        foreach (var file in files.Split(','))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(temporary[$"set/{file}"])!);
            File.WriteAllBytes(temporary[$"set/{file}"], [1, 2, 3]);
        }
        Assert.Contains(message, Refused(temporary["set"]));
        if (part is not null) Assert.Contains($"such as {Path.Combine(temporary["set"], part)}", Refused(temporary["set"]));
    }

    // Not only of a folder test: of an archive of that name, of test2017, of what lies in it.
    [Fact]
    public void A_test_split_alone_is_trained_on_and_that_is_told()
    {
        using var temporary = new TemporaryFolder();
        void Told(string path, string part) => Assert.Contains(Open(path).Warnings, warning => warning.Contains($"it has {part} alone, which is trained on"));
        File.Move(Packed(temporary, "zip", [.. Enumerable.Range(0, 20).Select(i => $"{i:D3}.png")]), temporary["test.zip"]);
        Told(temporary["test.zip"], "test.zip");
        File.Move(Packed(temporary, "tar", In("cat", 20)), temporary["pets-val.tar"]);
        Told(temporary["pets-val.tar"], "pets-val.tar");
        Folder(temporary, In("test2017", 20));
        Told(temporary["set"], "test2017/");
        Told(temporary["set/test2017"], "test2017");
        File.Move(Packed(temporary, "zip", In("train", 20)), temporary["test-of-it.zip"]);
        Assert.Empty(Open(temporary["test-of-it.zip"]).Warnings);
    }

    [Theory]
    [InlineData("trainA,trainB,testA,testB", "trainA"), InlineData("trainA,trainB", "trainA"), InlineData("TrainA,TrainB,ValA,ValB", "TrainA")]
    [InlineData("train_a,train_b", "train_a"), InlineData("testA,testB", "testA"), InlineData("name/trainA,name/trainB", "name/trainA"), InlineData("trainA,trainB,notes", "trainA")]
    [InlineData("train/trainA,train/trainB,train/testA,train/testB", "train/trainA"), InlineData("train/trainA,train/trainB", "train/trainA")]
    [InlineData("A_train,B_train", "A_train"), InlineData("trainset A,trainset B", "trainset A"), InlineData("trainA1,trainB1", "trainA1")]
    [InlineData("images_trainA,images_trainB", "images_trainA"), InlineData("horse2zebra_trainA,horse2zebra_trainB", "horse2zebra_trainA")]
    [InlineData("traina,trainb", "traina"), InlineData("Atrain,Btrain", "Atrain"), InlineData("train.A,train.B", "train.A")]
    public void Two_domains_are_refused_and_one_side_alone_is_a_set(string folders, string side)
    {
        using var temporary = new TemporaryFolder();
        string[] pictures = [.. folders.Split(',').SelectMany(folder => In(folder, 12))];
        foreach (var path in new[] { Folder(temporary, pictures), Packed(temporary, "zip", pictures), Packed(temporary, "tar", pictures) })
        {
            Assert.Contains("two domains", Refused(path));
            Assert.Contains($"such as {(Directory.Exists(path) ? Path.Combine(path, side) : side)}", Refused(path));
        }
        var one = Open(temporary[$"set/{folders.Split(',')[0]}"]);
        Assert.Equal(("11 1 0", 0), (Counts(one), one.Classes));
    }

    [Theory]
    [InlineData("npy", "train"), InlineData("npz", "train"), InlineData("zip", "train"), InlineData("npz", "images_train"), InlineData("npy", "images_train")]
    public void Two_domains_of_arrays_and_archives_are_refused(string kind, string split)
    {
        using var temporary = new TemporaryFolder();
        Directory.CreateDirectory(temporary["set"]);
        if (kind == "npz")
        {
            using var zip = ZipFile.Open(temporary["set/set.npz"], ZipArchiveMode.Create);
            foreach (var side in new[] { split + "A", split + "B" }) { using var entry = zip.CreateEntry(side + ".npy").Open(); entry.Write(Npy_(20)); }
        }
        else
            foreach (var side in new[] { split + "A", split + "B" }) File.WriteAllBytes(temporary[$"set/{side}.{kind}"], kind == "npy" ? Npy_(20) : [1, 2, 3]);
        Assert.Contains("two domains", Refused(temporary["set"]));
    }

    private static void Idx_(string path, int count, Func<int, int>? label = null, int first = 0)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        Idx.Write(path, [count, 2, 2], [.. Enumerable.Range(first, count).SelectMany(i => new byte[] { (byte)i, 1, 2, 3 })]);
        if (label is not null) Idx.Write(path.Replace("images", "labels").Replace("idx3", "idx1"), [count], [.. Enumerable.Range(0, count).Select(i => (byte)label(i))]);
    }

    [Theory]
    [InlineData("train-images-idx3-ubyte:20,t10k-images-idx3-ubyte:12", "18 2 12")]
    [InlineData("Train-images-idx3-ubyte.gz:20,Test-images-idx3-ubyte.gz:12", "18 2 12")]
    [InlineData("emnist-letters-train-images-idx3-ubyte.gz:20,emnist-letters-test-images-idx3-ubyte.gz:12", "18 2 12")]
    [InlineData("train-images-idx3-ubyte:20,val-images-idx3-ubyte:6,t10k-images-idx3-ubyte:12", "20 6 12")]
    [InlineData("train-images-idx3-ubyte:20,valid-images-idx3-ubyte:6", "20 6 0")]
    [InlineData("t10k-images-idx3-ubyte.gz:30", "27 3 0")]
    [InlineData("val-images-idx3-ubyte:30", "27 3 0")]
    [InlineData("train-images-idx3-ubyte:20,train-images-idx3-ubyte.gz:20,t10k-images-idx3-ubyte:12", "18 2 12")]      // a file and its packed twin
    public void Idx_files_are_sorted_by_their_names(string files, string counts)
    {
        using var temporary = new TemporaryFolder();
        foreach (var file in files.Split(',')) Idx_(temporary[$"set/{file.Split(':')[0]}"], int.Parse(file.Split(':')[1]), label: i => i % 3);
        var set = Open(temporary["set"]);
        Assert.Equal((counts, 3), (Counts(set), set.Classes));
    }

    [Theory]
    [InlineData("one-images-idx3-ubyte,two-images-idx3-ubyte", "do not all say a split")]
    [InlineData("emnist-letters-train-images-idx3-ubyte,emnist-digits-train-images-idx3-ubyte,emnist-digits-test-images-idx3-ubyte", "both name the training split")]
    [InlineData("train-images-idx3-ubyte,extra-images-idx3-ubyte", "do not all say a split")]
    [InlineData("val-images-idx3-ubyte,test-images-idx3-ubyte", "none of them is to train on")]
    public void Idx_files_that_cannot_be_told_apart_are_refused(string files, string message)
    {
        using var temporary = new TemporaryFolder();
        foreach (var file in files.Split(',')) Idx_(temporary[$"set/{file}"], 20);
        Assert.Contains(message, Refused(temporary["set"]));
    }

    [Theory]
    [InlineData("data_batch_1.bin:20,data_batch_2.bin:10,test_batch.bin:12", "27 3 12")]
    [InlineData("train.bin:20,val.bin:10,test.bin:12", "20 10 12")]
    [InlineData("test_batch.bin:20", "18 2 0")]
    [InlineData("data_batch_1.bin:20,data_batch_2.bin:10", "27 3 0")]
    public void Cifar_files_are_sorted_by_their_names(string files, string counts)
    {
        using var temporary = new TemporaryFolder();
        Directory.CreateDirectory(temporary["set"]);
        foreach (var file in files.Split(',')) File.WriteAllBytes(temporary[$"set/{file.Split(':')[0]}"], new byte[3073 * int.Parse(file.Split(':')[1])]);
        Assert.Equal(counts, Counts(Open(temporary["set"])));
    }

    private static byte[] Npy_(int count)
    {
        var header = $"{{'descr': '|u1', 'fortran_order': False, 'shape': ({count}, 2, 3), }}".PadRight(117) + "\n";
        return [0x93, .. "NUMPY"u8, 1, 0, .. BitConverter.GetBytes((ushort)header.Length), .. Encoding.ASCII.GetBytes(header), .. Enumerable.Range(0, 6 * count).Select(i => (byte)(i * 37 % 251))];
    }

    [Theory]
    [InlineData("x_train.npy:20,x_val.npy:6,x_test.npy:12", "20 6 12")]
    [InlineData("train_images.npy:20,test_images.npy:12", "18 2 12")]
    [InlineData("Train.npy:20,Valid.npy:6", "20 6 0")]
    [InlineData("x_test.npy:20", "18 2 0")]
    [InlineData("x_train.npy:20,mean_face.npy:1", "18 2 0")]       // another array beside them
    public void Arrays_are_sorted_by_their_names(string files, string counts)
    {
        using var temporary = new TemporaryFolder();
        Directory.CreateDirectory(temporary["set"]);
        foreach (var file in files.Split(',')) File.WriteAllBytes(temporary[$"set/{file.Split(':')[0]}"], Npy_(int.Parse(file.Split(':')[1])));
        Assert.Equal(counts, Counts(Open(temporary["set"])));
    }

    // Labels that run 1 to 9 and then 0 are in no ascending order, and in order all the same.
    [Theory]
    [InlineData("1,2,3,4,5,6,7,8,9,0"), InlineData("0,1,2,3,4,5,6,7,8,9"), InlineData("5,3,9,0,1,2,4,6,7,8")]
    public void What_is_sorted_by_class_in_any_order_is_mixed(string order)
    {
        using var temporary = new TemporaryFolder();
        var classes = order.Split(',').Select(int.Parse).ToArray();
        Idx_(temporary["digits-images-idx3-ubyte"], 250, label: i => classes[i / 25]);
        var set = Open(temporary["digits-images-idx3-ubyte"]);
        long[] Labels(Split split) => split.InOrder(0, split.Count, PixelRange.Bytes).Labels!.data<long>().ToArray();
        Assert.Equal(10, Labels(set.Train).Distinct().Count());
        Assert.InRange(Labels(set.Validation).Distinct().Count(), 6, 10);
        Assert.InRange(Labels(set.Train)[..40].Distinct().Count(), 6, 10);                  // a few of a split are a sample of it
    }

    [Fact]
    public void A_film_without_labels_is_mixed_and_the_mixture_is_always_the_same()
    {
        using var temporary = new TemporaryFolder();
        Idx_(temporary["film-images-idx3-ubyte"], 200);
        var first = Values(Open(temporary["film-images-idx3-ubyte"]).Validation);
        Assert.Equal(20, first.Length);
        Assert.InRange(first.Average(), 60, 140);                                          // the last tenth has 189.5
        Assert.Equal(first, Values(Open(temporary["film-images-idx3-ubyte"]).Validation));
    }

    // Its maker put a fair validation split at the end of the training file.
    [Fact]
    public void The_bundled_set_keeps_the_order_of_its_files()
    {
        var set = DataSet.Open(new DataSettings());
        Assert.Equal([9, 0, 0, 3, 0, 2, 7, 2, 5, 5], set.Train.InOrder(0, 10, PixelRange.Bytes).Labels!.data<long>().ToArray());
        Assert.Equal(Enumerable.Range(0, 10).Select(_ => 900), set.Train.InOrder(0, 9000, PixelRange.Bytes).Labels!.data<long>().ToArray().CountBy(label => label).Select(pair => pair.Value));
    }

    [Fact]
    public void A_fingerprint_is_of_train_and_test_as_ever_and_of_a_validation_split_too()
    {
        using var temporary = new TemporaryFolder();
        Idx_(temporary["set/train-images-idx3-ubyte"], 20, label: i => i % 3);
        Idx_(temporary["set/t10k-images-idx3-ubyte"], 12, label: i => i % 3);
        byte[] Part(int count) => [.. Encoding.UTF8.GetBytes($"{count} of 1x2x2;"), .. Enumerable.Range(0, count).SelectMany(i => new byte[] { (byte)i, 1, 2, 3 }), .. Enumerable.Range(0, count).Select(i => (byte)(i % 3))];
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData([.. Part(20), .. Part(12)]))[..16], Open(temporary["set"]).Fingerprint);

        Idx_(temporary["set/val-images-idx3-ubyte"], 10, label: i => i % 3);
        var one = Open(temporary["set"]).Fingerprint;
        Idx_(temporary["set/val-images-idx3-ubyte"], 10, label: i => i % 3, first: 1);
        Assert.Equal(3, new[] { one, Open(temporary["set"]).Fingerprint, Convert.ToHexStringLower(SHA256.HashData([.. Part(20), .. Part(12)]))[..16] }.Distinct().Count());
    }

    [Fact]
    public void What_became_which_split_is_told()
    {
        using var temporary = new TemporaryFolder();
        var set = Open(Folder(temporary, [.. In("training/a", 20), .. In("testing/a", 6), ".git/x.png"]));
        Assert.Equal([new SplitOrigin("train", 18, "nine tenths of training/"), new SplitOrigin("validation", 2, "a tenth of it, drawn by a fixed seed"), new SplitOrigin("test", 6, "testing/")], set.Origins);
        Assert.Contains("left out 1: hidden entries (.git)", set.Description);
        Assert.Empty(set.Warnings);

        Idx_(temporary["only/t10k-images-idx3-ubyte"], 20);
        Assert.Contains("only: it has no training files, so its test files are trained on: nine tenths train, a tenth validation, no test.", Open(temporary["only"]).Warnings);
        Assert.Contains("no test split", Open(temporary["only"]).Description);
        Folder(temporary, In("sub/test", 20));
        Assert.Contains(Open(temporary["set/sub"]).Warnings, warning => warning.Contains("it has test/ alone, which is trained on"));
    }

    // An unlabelled test folder, as competitions have it, does not take the labels of train away.
    [Fact]
    public void A_test_folder_without_classes_leaves_the_classes_of_train()
    {
        using var temporary = new TemporaryFolder();
        var set = Open(Folder(temporary, [.. In("train/a", 10), .. In("train/b", 10), .. In("test", 6)]));
        Assert.Equal(("18 2 6", 2), (Counts(set), set.Classes));
        Assert.Null(set.Test!.InOrder(0, 1, PixelRange.Bytes).Labels);
    }
}
